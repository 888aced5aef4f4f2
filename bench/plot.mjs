// A picture of what forward.mjs wrote: for each job a bar for each engine, as long as its share of the machine's limit.
//
//   node bench/plot.mjs out.json docs/images/performance.svg
import { readFileSync, writeFileSync } from 'node:fs';
import { percent } from './measure.mjs';

const [source, target] = process.argv.slice(2);
const { cpu, isa, threads, peak, rows } = JSON.parse(readFileSync(source, 'utf8'));
const ours = rows[0].engine;

const [LEFT, RIGHT, TOP, BAR, GAP, WIDTH] = [290, 130, 92, 22, 42, 940];
const FONT = 'font-family="Helvetica, Arial, sans-serif"';
const x = (share) => LEFT + share * (WIDTH - LEFT - RIGHT);
const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const text = (left, top, size, content, more = '') =>
  `<text x="${left}" y="${top}" font-size="${size}" ${FONT} ${more}>${escaped(content)}</text>`;

const parts = [];
let top = TOP;
for (const job of new Set(rows.map((row) => row.job))) {
  parts.push(text(20, top + 14, 15, job.replace(/ (\d+) batch/, ', $1 x $1, batch'), 'font-weight="bold"'));
  top += 22;
  for (const { engine, min, share } of rows.filter((row) => row.job === job).sort((a, b) => a.min - b.min)) {
    const isOurs = engine === ours;
    const colour = isOurs ? '#b3460a' : '#8a97a8';
    const weight = isOurs ? 'font-weight="bold"' : '';
    parts.push(text(LEFT - 10, top + 15, 13, engine, `text-anchor="end" ${weight}`));
    parts.push(
      `<rect x="${LEFT}" y="${top + 2}" width="${(x(share) - LEFT).toFixed(1)}" height="${BAR - 5}" fill="${colour}"/>`,
    );
    parts.push(
      text(
        x(share) + 8,
        top + 15,
        13,
        `${min < 100 ? min.toPrecision(3) : min.toFixed(0)} ms, ${percent(share)}`,
        weight,
      ),
    );
    top += BAR;
  }
  top += GAP - BAR;
}
const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
  const line = `<line x1="${x(share)}" y1="${TOP - 12}" x2="${x(share)}" y2="${top - 10}" stroke="#d5dae1"/>`;
  return line + text(x(share), TOP - 18, 12, percent(share), 'text-anchor="middle" fill="#5b6675"');
});
const title = text(20, 28, 18, 'A ConvNeXt V2 forward: time, and share of what the CPU can do', 'font-weight="bold"');
const below = `${cpu}, ${threads} threads, ${isa}: ${peak} GFLOP/s. The least of many runs; longer bars are faster.`;
writeFileSync(
  target,
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" fill="#1d2530">`,
    `<rect width="${WIDTH}" height="${top}" fill="#fff"/>`,
    title,
    text(20, 50, 13, below, 'fill="#5b6675"'),
    ...grid,
    ...parts,
    '</svg>\n',
  ].join('\n'),
);
