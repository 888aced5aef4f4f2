import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { allNative, nativeIfBuilt } from '../src/backend/simd/native.js';

const TIMES = { job: 'atto 32 batch 1', threads: 1, median: 3, min: 2 };
const PEERS = [
  { peer: 'another', ...TIMES },
  { peer: 'with other threads', ...TIMES, threads: 2 },
  { peer: 'at another job', ...TIMES, job: 'tiny 32 batch 1' },
];

/** Operations of atto at 32 x 32, a multiply-add being two: the stem, each stage after its downsampling, the classifier. */
const OPERATIONS =
  2 *
  (64 * 48 * 40 +
    2 * 64 * (49 * 40 + 8 * 40 * 40) +
    16 * 160 * 80 +
    2 * 16 * (49 * 80 + 8 * 80 * 80) +
    4 * 320 * 160 +
    6 * 4 * (49 * 160 + 8 * 160 * 160) +
    640 * 320 +
    2 * (49 * 320 + 8 * 320 * 320) +
    320 * 1000);

interface ForwardRow {
  readonly job: string;
  readonly engine: string;
  readonly median: number;
  readonly min: number;
  readonly ratio: number;
  readonly share: number;
}

/** Runs it at its smallest on a picture of 32 x 32 with these engines, and gives what it printed and its report. */
async function forward(engines: string) {
  const folder = mkdtempSync(join(tmpdir(), 'convnextv2-bench-'));
  try {
    const [peers, json] = [join(folder, 'peers.json'), join(folder, 'out.json')];
    writeFileSync(peers, JSON.stringify(PEERS));
    const smallest = ['--sizes', 'atto', '--batches', '1', '--side', '32', '--threads', '1', '--runs', '1'];
    const args = ['bench/forward.mjs', ...smallest, '--engines', engines, '--peers', peers, '--json', json];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args);
    const report = JSON.parse(readFileSync(json, 'utf8'));
    const rows: readonly ForwardRow[] = report.rows;
    return { stdout, stderr, report, rows, names: rows.map(({ engine }) => engine) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// runs the built package: npm run build
describe('bench/forward.mjs', function () {
  this.timeout(60_000);

  it('puts each engine, and the peers of a file, beside the first', async () => {
    const { stdout, report, rows, names } = await forward('simd,cpu');
    expect(report).to.have.all.keys('cpu', 'cores', 'node', 'isa', 'threads', 'runs', 'peak', 'rows');
    expect(report).to.include({ node: process.version, threads: 1, runs: 1 });
    expect(names).to.deep.equal(['simd', 'tfjs cpu', 'another']);
    for (const row of rows) {
      expect(row).to.have.all.keys('job', 'engine', 'median', 'min', 'ratio', 'share');
      expect(row.job).to.equal('atto 32 batch 1');
      expect(row.median).to.be.at.least(row.min);
      // all numbers have four digits
      expect(row.ratio).to.be.closeTo(row.min / rows[0].min, 2e-3 * row.ratio);
      expect(row.share * report.peak * 1e6 * row.min).to.be.closeTo(OPERATIONS, 2e-3 * OPERATIONS);
      expect(stdout).to.include(row.engine);
    }
    expect(rows[2]).to.include({ median: 3, min: 2 });
  });

  it('leaves out an engine that is not there, and says why', async () => {
    const { stderr, names } = await forward('simd,onnxruntime,nonsense');
    expect(names).to.deep.equal(['simd', 'another']);
    expect(stderr).to.match(/^onnxruntime is left out: .+\nnonsense is left out: E_BACKEND.+\n$/);
  });
});

type Rows = readonly Readonly<Record<string, unknown>>[];

/** What the reports have that is looked at below. */
interface Report {
  readonly rows: Rows;
  readonly reports: readonly { readonly isa: string; readonly rows: Rows }[];
  readonly busyMs: readonly number[];
  readonly checkpointMB: number;
  readonly computed: object;
}

/** What each benchmark reports of its one short round. The others are what these are made of, and plot.mjs of their reports. */
const REPORTS: Readonly<Record<string, (report: Report) => void>> = {
  detection({ rows: [row, ...more] }) {
    expect(more).to.deep.equal([]);
    expect([row.job, row.found]).to.deep.equal(['mask-rcnn atto 64 x 96', 100]);
    const parts = ['batch', 'pyramid', 'proposals', 'box head', 'selection', 'mask head', 'masks drawn', 'backbone'];
    expect(row.parts).to.have.all.keys(parts);
  },
  features: ({ rows }) =>
    expect(rows.map(({ size, batch }) => [size, batch])).to.deep.equal([
      ['atto', 1],
      ['atto', 2],
    ]),
  forward: ({ rows }) => expect(rows.map(({ job }) => job)).to.deep.equal(['atto 32 batch 1']),
  idle: ({ busyMs }) => expect(busyMs).to.have.length(1),
  kernels({ reports }) {
    expect(reports.map(({ isa }) => isa)).to.deep.equal(allNative().map(({ isa }) => isa));
    for (const { rows } of reports) {
      // 11 at each of 4 stages, and 2 at one shape of their own
      expect(rows).to.have.length(46);
      for (const row of rows) expect('share' in row, String(row.kernel)).to.not.equal('nsAnElement' in row);
    }
  },
  memory: ({ checkpointMB, computed }) => {
    expect(checkpointMB).to.be.closeTo(13.56, 0.01); // atto's 3.4 million weights
    expect(computed).to.include.keys('median', 'min', 'beyondMB');
  },
  resize: ({ rows }) => expect(rows.map(({ filter }) => filter)).to.deep.equal(['bilinear', 'bicubic', 'lanczos']),
  scaling: ({ rows }) =>
    expect(rows.slice(-4).map(({ side, batch }) => [side, batch])).to.deep.equal([
      [32, 1],
      [64, 1],
      [32, 1],
      [32, 2],
    ]),
  segmentation({ rows }) {
    expect(rows.map(({ job }) => job)).to.deep.equal(['upernet atto 64']);
    expect(rows[0].parts).to.have.all.keys('backbone', 'head', 'upsampling');
  },
  soak({ rows }) {
    expect(rows.map(({ what }) => what).slice(-2)).to.deep.equal(['10 forwards', '1 rounds of 2 workers']);
    expect(new Set(rows.map(({ tensors }) => tensors)).size, 'no tensor is left').to.equal(1);
  },
  train: ({ rows }) => expect(rows.map(({ job }) => job)).to.deep.equal(['atto train batch 2']),
  worker: ({ rows }) =>
    expect(rows.map(({ work }) => work)).to.deep.equal(['none, for 20 ms', 'in a worker', 'in this thread']),
};
const NO_BENCHMARKS = ['engines.mjs', 'first-map.mjs', 'measure.mjs', 'plot.mjs'];

/** Every number of a report, with the keys that lead to it. */
function numbersOf(value: unknown, path = ''): readonly (readonly [path: string, value: unknown])[] {
  if (value === null || typeof value === 'number') return [[path, value]];
  return Object.entries(Object(value)).flatMap(([key, inner]) =>
    typeof value === 'string' ? [] : numbersOf(inner, `${path}/${key}`),
  );
}

// runs the built package: npm run build
describe('a short round of every benchmark', function () {
  this.timeout(120_000);
  let folder: string;
  before(function () {
    if (!nativeIfBuilt()) this.skip();
    folder = mkdtempSync(join(tmpdir(), 'convnextv2-bench-'));
  });
  after(() => folder && rmSync(folder, { recursive: true }));

  it('is known for each', () => {
    const files = readdirSync('bench').filter((file) => file.endsWith('.mjs') && !NO_BENCHMARKS.includes(file));
    expect(files).to.deep.equal(Object.keys(REPORTS).map((name) => `${name}.mjs`));
  });

  for (const [name, check] of Object.entries(REPORTS)) {
    it(name, async () => {
      const json = join(folder, `${name}.json`);
      const args = [`bench/${name}.mjs`, '--quick', '--json', json];
      const { stdout, stderr } = await promisify(execFile)(process.execPath, args);
      expect(stderr).to.not.include('left out');
      expect(stdout).to.not.match(/NaN|undefined|Infinity/);
      const report = JSON.parse(readFileSync(json, 'utf8'));
      check(report);
      const numbers = numbersOf(report);
      expect(numbers.length).to.be.above(0);
      // JSON writes null for NaN
      for (const [path, value] of numbers) expect(value, path).to.be.a('number').and.at.least(0);
    });
  }

  it('plot draws a report of forward', async () => {
    const svg = join(folder, 'performance.svg');
    await promisify(execFile)(process.execPath, ['bench/plot.mjs', join(folder, 'forward.json'), svg]);
    expect(readFileSync(svg, 'utf8')).to.match(/^<svg [\s\S]*atto, 32 x 32, batch 1[\s\S]*<\/svg>\s*$/);
  });
});
