// Single kernels of the addon, at the shapes of ConvNeXt V2 for a picture of 224 x 224: how much of the limit each reaches.
//
//   node bench/kernels.mjs --sizes tiny,base --isas avx512,avx2 --threads 2 --json out.json
//
// --kernels  of the names below; --isas by default all that the CPU has; --side of the first stage's map
import { availableParallelism } from 'node:os';
import { ACTIVATION, allNative, simdThreads } from '../dist/src/backend/simd/native.js';
import { configOf } from './engines.mjs';
import { flags, interleave, peakJob, peakOf, percent, printTable, round, summary, writeReport } from './measure.mjs';

const floats = (length) => Float32Array.from({ length }, () => 2 * Math.random() - 1);
const room = (length) => new Float32Array(length);

/** Arithmetic that counts: measured by the share of the limit. */
const arithmetic = (shape, operations, run) => ({ shape: shape.join(' x '), operations, run });
/** Arithmetic that costs less than the memory: measured by the element. */
const elementwise = (shape, run) => ({ shape: shape.join(' x '), elements: shape.reduce((a, b) => a * b), run });

/** [rows, k] by [k, n] */
function product(native, rows, k, n, activation = ACTIVATION.linear) {
  const [a, bias, out] = [floats(rows * k), floats(n), room(rows * n)];
  const packed = native.packMatrix(floats(k * n), k, n, 0);
  const run = () => native.matMul(a, packed, bias, activation, rows, k, n, out);
  return arithmetic([rows, k, n], 2 * rows * k * n, run);
}

/** A convolution of stride 1 that keeps the size of its maps. */
function convolution(convolve, weights, [n, height, width, c, to, kernel]) {
  const pad = (kernel - 1) / 2;
  const geometry = Int32Array.of(n, height, width, c, to, kernel, kernel, 1, 1, 1, 1, pad, pad, height, width);
  const [x, bias, out] = [floats(n * height * width * c), floats(to), room(n * height * width * to)];
  const run = () => convolve(geometry, x, weights, bias, -Infinity, Infinity, out);
  return arithmetic([n, height, width, c, to], 2 * n * height * width * kernel * kernel * c * to, run);
}

/** Each kernel in a stage of `c` channels on a map of side x side, into which `from` channels come; or at its own SHAPES. */
const KERNELS = {
  expand: (native, side, c) => product(native, side * side, c, 4 * c),
  'expand+gelu': (native, side, c) => product(native, side * side, c, 4 * c, ACTIVATION.gelu),
  reduce: (native, side, c) => product(native, side * side, 4 * c, c),
  block(native, side, c) {
    const weights = [
      native.packDepthwise(floats(49 * c), c),
      ...[c, c, c].map(floats),
      native.packMatrix(floats(4 * c * c), c, 4 * c, 0),
      floats(4 * c),
      native.packMatrix(floats(4 * c * c), 4 * c, c, 0),
      floats(c),
      floats(4 * c),
    ];
    const [x, out] = [floats(side * side * c), room(side * side * c)];
    const operations = 2 * side * side * (49 * c + 8 * c * c);
    return arithmetic([side, side, c], operations, () => native.block(weights, c, 1e-6, x, 1, side, side, out));
  },
  /** The stem, or what comes before a later stage. */
  patches(native, side, c, from) {
    const kernel = from === 3 ? 4 : 2;
    const [before, k] = [kernel * side, kernel * kernel * from];
    const [x, bias, out] = [floats(before * before * from), floats(c), room(side * side * c)];
    const packed = native.packMatrix(floats(k * c), k, c, 0);
    const run = () => native.patches(x, packed, bias, null, null, 0, 1, before, before, from, kernel, c, out);
    return arithmetic([side, side, k, c], 2 * side * side * k * c, run);
  },
  depthwise(native, side, c) {
    const weights = native.packDepthwise(floats(49 * c), c);
    const { run } = convolution(native.depthwise, weights, [1, side, side, c, c, 7]);
    return arithmetic([side, side, c], 2 * side * side * 49 * c, run);
  },
  /** 3x3; its share counts the multiplications that a direct convolution would do, and so may be above 100 %. */
  winograd: (native, ...shape) =>
    convolution(native.winograd, native.packWinograd(floats(9 * shape[3] * shape[4]), ...shape.slice(3)), [
      ...shape,
      3,
    ]),
  /** 3x3, directly. */
  convolution(native, ...shape) {
    const [c, to] = shape.slice(3);
    return convolution(native.convolution, native.packMatrix(floats(9 * c * to), 9 * c, to, 0), [...shape, 3]);
  },
  /** The gradient of the taps. */
  'depthwise-filter'(native, side, c) {
    const [x, dy, out] = [floats(side * side * c), floats(side * side * c), room(49 * c)];
    const run = () => native.depthwiseFilter(x, dy, 1, side, side, c, out);
    return arithmetic([side, side, c], 2 * side * side * 49 * c, run);
  },
  /** The gradient of `expand`'s weights. */
  'product-filter'(native, side, c) {
    const [rows, n] = [side * side, 4 * c];
    const [a, b, out] = [floats(rows * c), floats(rows * n), room(c * n)];
    const run = () => native.matMulTransposed(a, b, rows, c, n, out);
    return arithmetic([c, rows, n], 2 * rows * c * n, run);
  },
  'layer-norm'(native, side, c) {
    const [x, gamma, beta, out] = [floats(side * side * c), floats(c), floats(c), room(side * side * c)];
    return elementwise([side, side, c], () => native.layerNorm(x, gamma, beta, 1e-6, side * side, c, out));
  },
  gelu(native, side, c) {
    const [x, out] = [floats(side * side * 4 * c), room(side * side * 4 * c)];
    return elementwise([side, side, 4 * c], () => native.gelu(x, out));
  },
  mean(native, side, c) {
    const [x, out] = [floats(side * side * c), room(c)];
    return elementwise([side, side, c], () => native.sum(x, 1, side * side, c, side * side, out));
  },
};

const { sizes, isas, kernels, side, threads, runs, json, quick } = flags(
  {
    sizes: ['tiny', 'base'],
    isas: allNative().map(({ isa }) => isa),
    kernels: Object.keys(KERNELS),
    side: 56,
    threads: availableParallelism(),
    runs: 15,
    json: '',
  },
  { sizes: ['atto'], side: 8, runs: 1 },
);
simdThreads(threads);

/** [n, height, width, channels, to] of the 3x3 convolutions of detectors and segmenters: pyramid, mask head, fusion. */
const OF_HEADS = quick
  ? [[1, 9, 8, 16, 24]]
  : [
      [1, 200, 264, 256, 256],
      [1, 50, 66, 256, 256],
      [100, 14, 14, 256, 256],
      [1, 64, 64, 512, 512],
    ];

/** Of a kernel that has no place in the stages of the network. */
const SHAPES = { winograd: OF_HEADS, convolution: OF_HEADS };

/** [side, channels, those of the stage before] */
const stages = (await Promise.all(sizes.map(configOf))).flatMap(({ hiddenSizes }) =>
  hiddenSizes.map((c, i) => [side >> i, c, hiddenSizes[i - 1] ?? 3]),
);

const reports = [];
for (const native of allNative().filter(({ isa }) => isas.includes(isa))) {
  const cases = kernels.flatMap((kernel) =>
    (SHAPES[kernel] ?? stages).map((shape) => ({ kernel, ...KERNELS[kernel](native, ...shape) })),
  );
  const limit = peakJob(native);
  const [limits, ...times] = await interleave([limit, ...cases], runs);
  const peak = peakOf(limit, limits);
  const rows = cases.map(({ kernel, shape, operations, elements }, i) => {
    const { median, min } = summary(times[i]);
    const share = operations && round(operations / min / 1e6 / peak);
    return { kernel, shape, median, min, share, nsAnElement: elements && round((1e6 * min) / elements) };
  });
  console.log(`\n${native.isa}, ${threads} threads, peak ${peak} GFLOP/s`);
  printTable(
    rows.map(({ kernel, shape, median, min, share, nsAnElement }) => ({
      kernel,
      shape,
      'median ms': median,
      'min ms': min,
      'of peak': share && percent(share),
      'ns an element': nsAnElement,
    })),
  );
  reports.push({ isa: native.isa, peak, rows });
}
writeReport(json, { threads, runs, reports });
