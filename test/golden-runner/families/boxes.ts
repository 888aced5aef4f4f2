import { type Polygon, polygonToRle } from '../../../src/boxes/polygon.js';
import { area, boxOf, compress, encode, merge, readRle } from '../../../src/boxes/rle.js';
import { type Case, compareJson, readJson } from '../compare.js';

/** pycocotools.mask: masks by their runs, and polygons drawn. */
export async function cocoRle(folder: string, spec: Case): Promise<string[]> {
  const { masks, polygons, boxes, merge: merged } = await readJson(folder, spec, 'outputs');
  const text = (counts: readonly number[]) => compress(counts);
  const draw = (polygon: Polygon, [height, width]: [number, number]) => polygonToRle(polygon, height, width);
  const got = {
    masks: masks.map((mask: any) => {
      const rle = encode([...mask.mask].map(Number), ...(mask.size as [number, number]));
      const read = readRle({ size: mask.size, counts: mask.compressed });
      return { ...mask, counts: rle.counts, compressed: text(read.counts), area: area(read), bbox: boxOf(read) };
    }),
    polygons: polygons.map((row: any) => {
      const parts = row.polygons.map((polygon: Polygon) => draw(polygon, row.size));
      const all = merge(parts, 'union');
      const counts = parts.map(({ counts }: { counts: number[] }) => text(counts));
      return { ...row, parts: counts, merged: text(all.counts), area: area(all), bbox: boxOf(all) };
    }),
    boxes: boxes.map((row: any) => {
      const [x, y, w, h] = row.bbox;
      return { ...row, compressed: text(draw([x, y, x, y + h, x + w, y + h, x + w, y], row.size).counts) };
    }),
    merge: {
      ...merged,
      union: text(
        merge(
          merged.masks.map((counts: string) => readRle({ size: merged.size, counts })),
          'union',
        ).counts,
      ),
      intersection: text(
        merge(
          merged.masks.slice(0, merged.intersection_of).map((counts: string) => readRle({ size: merged.size, counts })),
          'intersection',
        ).counts,
      ),
    },
  };
  return compareJson(got, { masks, polygons, boxes, merge: merged });
}
