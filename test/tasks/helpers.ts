import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConvNextV2Config, ConvNextV2ForImageClassification, encodePng, useBackend } from '../../src/index.js';

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** A small classifier. */
export const CONFIG = new ConvNextV2Config({
  depths: [1, 1],
  hiddenSizes: [4, 6],
  imageSize: 16,
  id2label: { 0: 'cat', 1: 'rocket', 2: 'cup' },
});

/** A new folder for the tests of a suite, with the classifier in `model`, pictures a.png, b.png, c.png, and no.png, which is none. */
export function taskFolder(): (...names: readonly string[]) => string {
  const folder = mkdtempSync(join(tmpdir(), 'convnextv2-tasks-'));
  before(async () => {
    await useBackend('cpu');
    const model = await ConvNextV2ForImageClassification.fromConfig(CONFIG, { seed: 1 });
    await model.savePretrained(join(folder, 'model'));
    model.dispose();
    for (const [i, name] of ['a', 'b', 'c'].entries()) {
      const data = Uint8Array.from({ length: 20 * 30 * 3 }, (_, at) => (at * (37 + i)) % 256);
      writeFileSync(join(folder, `${name}.png`), await encodePng({ data, width: 30, height: 20, channels: 3 }));
    }
    writeFileSync(join(folder, 'no.png'), 'no picture');
  });
  after(() => rmSync(folder, { recursive: true }));
  return (...names) => join(folder, ...names);
}
