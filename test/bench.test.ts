import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';

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

interface Row {
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
    const rows: readonly Row[] = report.rows;
    return { stdout, stderr, report, rows, names: rows.map(({ engine }) => engine) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// runs the built package: npm run build
describe('bench/forward.mjs', () => {
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

// runs the built package: npm run build
describe('bench/detection.mjs', () => {
  it('splits the time of a call, with as many objects as there may be', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'convnextv2-bench-'));
    try {
      const json = join(folder, 'out.json');
      const smallest = ['--sizes', 'atto', '--height', '64', '--width', '96', '--threads', '1', '--runs', '1'];
      await promisify(execFile)(process.execPath, ['bench/detection.mjs', ...smallest, '--json', json]);
      const [{ job, min, found, parts }] = JSON.parse(readFileSync(json, 'utf8')).rows;
      expect([job, found]).to.deep.equal(['mask-rcnn atto 64 x 96', 100]);
      const names = ['batch', 'pyramid', 'proposals', 'box head', 'selection', 'mask head', 'masks drawn', 'backbone'];
      expect(parts).to.have.all.keys(names);
      const values: readonly number[] = Object.values(parts);
      expect(Math.min(...values)).to.be.at.least(0);
      expect(min).to.be.above(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
