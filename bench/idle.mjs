// Whether a core is busy after a call: the CPU time that the process uses from 50 ms to 1 s after it.
//
//   node bench/idle.mjs --size atto --json out.json
import { setTimeout as pause } from 'node:timers/promises';
import { openEngines } from './engines.mjs';
import { flags, round, summary, writeReport } from './measure.mjs';

const { size, runs, json } = flags({ size: 'atto', runs: 5, json: '' }, { runs: 1 });
const [simd] = await openEngines(['simd'], {});
const { run } = await simd.classifier(size, 1, 224);
const busy = [];
for (let i = 0; i < runs; i++) {
  for (let call = 0; call < 5; call++) run();
  await pause(50);
  const before = process.cpuUsage();
  await pause(950);
  const { user, system } = process.cpuUsage(before);
  busy.push(round((user + system) / 1000));
}
const { median } = summary(busy);
console.log(`CPU time from 50 ms to 1 s after a call: median ${median} ms, at most ${Math.max(...busy)} ms`);
writeReport(json, { size, runs, busyMs: busy });
