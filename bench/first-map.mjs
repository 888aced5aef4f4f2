// One process of memory.mjs: opens a checkpoint, computes one feature map, and prints what it took as a line of JSON.
import { existsSync, readFileSync } from 'node:fs';

const [source, side] = process.argv.slice(2);
const STATUS = '/proc/self/status';
/** The most that was ever resident, in bytes; on Linux not by resourceUsage, which begins with what the parent had. */
const peak = () =>
  1024 * (existsSync(STATUS) ? /VmHWM:\s*(\d+)/.exec(readFileSync(STATUS, 'utf8'))[1] : process.resourceUsage().maxRSS);

const start = performance.now();
const tf = await import('@tensorflow/tfjs-core');
const { ConvNextV2Backbone, useBackend } = await import('../dist/src/index.js');
await useBackend('simd');
const imported = { ms: performance.now() - start, rss: peak() };
const backbone = await ConvNextV2Backbone.fromPretrained(source, { outFeatures: ['stage4'] });
const opened = { ms: performance.now() - start, rss: peak() };
const { stage4 } = backbone.forward(tf.zeros([1, Number(side), Number(side), 3]));
await stage4.data();
console.log(JSON.stringify({ imported, opened, computed: { ms: performance.now() - start, rss: peak() } }));
