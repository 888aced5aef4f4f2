// Runs the bundle that run.mjs made, and prints what failed and `N passed, N failed, N skipped`.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
// describe, it, expect and the others, as the suite's files expect to find them
const globals = require('jasmine-core').noGlobals();
Object.assign(globalThis, globals);

const { ready } = require(process.argv[2]);
const { name, detail } = await ready;
const count = { passed: 0, failed: 0, skipped: 0 };
const env = globals.jasmine.getEnv();
env.configure({ random: false });
env.addReporter({
  specDone({ status, fullName, failedExpectations }) {
    const verdict = status === 'passed' || status === 'failed' ? status : 'skipped';
    count[verdict] += 1;
    if (verdict === 'failed') console.log(`failed: ${fullName}\n    ${failedExpectations[0]?.message.split('\n')[0]}`);
  },
});
await env.execute();
console.log(`backend ${name}, ${detail}`);
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exitCode = count.failed > 0 || count.passed === 0 ? 1 : 0;
