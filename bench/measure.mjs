// How every benchmark measures: engines take turns, so that a slow minute of the machine falls on all of them alike.
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const WARM_UPS = 3;
const RUNS_A_TURN = 3;
/** Longer than the threads of any engine spin after its call. */
const PAUSE_MS = 20;

/**
 * Times of each job's runs in milliseconds, in the order of the jobs. A job is { run, before? }: `before` begins a turn and
 * is not measured, and neither is the first run of a turn, which brings the job's weights back into the caches.
 */
export async function interleave(jobs, runs) {
  const times = jobs.map(() => []);
  for (let measured = 0; measured < runs; measured += RUNS_A_TURN) {
    for (const [i, { run, before }] of jobs.entries()) {
      await pause(PAUSE_MS);
      await before?.();
      for (let j = 0; j < (measured === 0 ? WARM_UPS : 1); j++) await run();
      for (let j = measured; j < Math.min(runs, measured + RUNS_A_TURN); j++) {
        const start = performance.now();
        await run();
        times[i].push(performance.now() - start);
      }
    }
  }
  return times;
}

export function summary(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
  return { median: round(median), min: round(sorted[0]) };
}

/** To four digits: more would be noise. */
export const round = (value) => Number(value.toPrecision(4));

/** The machine's limit as a job; `operations` of one run. */
export function peakJob(native) {
  const steps = 1_000_000;
  const operations = native.peak(steps);
  return { run: () => native.peak(steps), operations };
}

/** What `peakJob` did at best, in GFLOP/s. */
export const peakOf = ({ operations }, times) => round(operations / summary(times).min / 1e6);

/** Rows { peer, job, threads, median, min } that were measured elsewhere, in the same minutes; none without a file. */
export const readPeers = (file, threads) =>
  file ? JSON.parse(readFileSync(file, 'utf8')).filter((row) => row.threads === threads) : [];

/** Our rows of a job and the peers', each with its least time as a multiple of that of the first. */
export function beside(job, ours, peers) {
  const theirs = peers.filter((row) => row.job === job).map(({ peer, median, min }) => ({ engine: peer, median, min }));
  return [...ours, ...theirs].map((row) => ({ job, ...row, ratio: round(row.min / ours[0].min) }));
}

export const percent = (share) => `${(100 * share).toFixed(0)} %`;

/**
 * Text flags with their defaults; a default that is a list is split at commas, one that is a number is a number. With --quick the
 * defaults of `quick` come first: one short round that shows whether the benchmark runs, and nothing about speed.
 */
export function flags(usual, quick) {
  const texts = Object.fromEntries(Object.keys(usual).map((name) => [name, { type: 'string' }]));
  const {
    values: { quick: isQuick = false, ...values },
  } = parseArgs({ options: { ...texts, quick: { type: 'boolean' } } });
  const defaults = isQuick ? { ...usual, ...quick } : usual;
  const read = (text, fallback) =>
    Array.isArray(fallback)
      ? text.split(',').map((item) => (typeof fallback[0] === 'number' ? number(item) : item))
      : typeof fallback === 'number'
        ? number(text)
        : text;
  const given = Object.entries(values).map(([name, text]) => [name, read(text, defaults[name])]);
  return { ...defaults, ...Object.fromEntries(given), quick: isQuick };
}

function number(text) {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new Error(`wanted a whole number from 1, got ${text}`);
}

/** Prints records as a table, the keys of the first as its head. */
export function printTable(records) {
  const head = Object.keys(records[0]);
  const rows = [head, ...records.map((record) => head.map((key) => String(record[key] ?? '')))];
  const widths = head.map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const isNumber = head.map((key) =>
    records.every((record) => /^(-?[\d.]+( [^ ]+)?)?$/.test(String(record[key] ?? ''))),
  );
  for (const row of rows) {
    const cells = row.map((text, i) => (isNumber[i] ? text.padStart(widths[i]) : text.padEnd(widths[i])));
    console.log(cells.join('  ').trimEnd());
  }
}

/** Writes a report, with the machine, where a file was asked for. */
export function writeReport(file, report) {
  const machine = { cpu: cpus()[0].model.trim(), cores: availableParallelism(), node: process.version };
  if (file) writeFileSync(file, `${JSON.stringify({ ...machine, ...report }, null, 1)}\n`);
}
