// PIL's resize, as the image processor does it.
//
//   node bench/resize.mjs --sides 224,384 --json out.json
import { resizePil } from '../dist/src/index.js';
import { flags, interleave, printTable, round, summary, writeReport } from './measure.mjs';

const { sides, filters, runs, json, quick } = flags(
  { sides: [224, 384], filters: ['bilinear', 'bicubic', 'lanczos'], runs: 15, json: '' },
  { sides: [16], runs: 1 },
);
/** Of a photograph on the web, and of a phone's camera. */
const PICTURES = quick
  ? [[48, 64]]
  : [
      [480, 640],
      [3024, 4032],
    ];
const cases = PICTURES.flatMap(([height, width]) => {
  const image = { height, width, channels: 3, data: Uint8Array.from({ length: height * width * 3 }, (_, i) => i * 31) };
  return sides.flatMap((side) =>
    filters.map((filter) => ({
      picture: `${width} x ${height}`,
      to: `${side} x ${side}`,
      filter,
      pixels: height * width,
      run: () => resizePil(image, side, side, filter),
    })),
  );
});
const times = await interleave(cases, runs);
const rows = cases.map(({ run, pixels, ...one }, i) => {
  const { median, min } = summary(times[i]);
  return { ...one, median, min, nsAPixel: round((1e6 * min) / pixels) };
});
printTable(
  rows.map(({ median, min, nsAPixel, ...one }) => ({
    ...one,
    'median ms': median,
    'min ms': min,
    'ns a pixel': nsAPixel,
  })),
);
writeReport(json, { runs, rows });
