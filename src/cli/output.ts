import { join } from 'node:path';
import { decodeImage } from '../image/decode.js';
import { encodePng, featurePicture } from '../image/draw.js';
import type { FeatureMapData } from '../tasks/extractor.js';
import { type Format, writeFile, writeMaps } from './formats.js';
import { contentOf, DRAWING, type Input } from './inputs.js';
import { openJournal } from './journal.js';
import { merge } from './merge.js';

/** What is written, and where. */
export interface OutputOptions {
  readonly out: string;
  readonly format: Format;
  /** `picture`: also a picture of the maps of each. */
  readonly draw: 'nothing' | 'picture';
  /** What to do of pictures that are finished. */
  readonly finished: 'skip' | 'again';
}

/** The files of `features --out`. */
export interface Output {
  /** Names of inputs that need not be done again. */
  readonly finished: ReadonlySet<string>;
  /** Writes what is to be written of a picture, and gives the files. Throws E_OUTPUT. */
  write(input: Input, maps: readonly FeatureMapData[]): Promise<readonly string[]>;
  /** When all is done; gives the file for all, where the format has one and there is something in it. Throws E_OUTPUT. */
  close(): Promise<string | undefined>;
}

/** `settings`: all that the maps depend on besides the pictures. Throws E_OUTPUT. */
export async function openOutput(
  { out, format, draw, finished }: OutputOptions,
  settings: Readonly<Record<string, unknown>>,
  inputs: readonly Input[],
): Promise<Output> {
  const isOneFile = format === 'json' || format === 'parquet';
  const journal = await openJournal(out, JSON.stringify({ ...settings, format, draw }), inputs, finished);
  return {
    finished: new Set(journal.finished.keys()),
    async write(input, maps) {
      const files = await writeMaps(format, out, input.name, maps);
      const drawings = draw === 'picture' ? [`${input.name}${DRAWING}`] : [];
      for (const file of drawings) await writeFile(join(out, file), await drawn(input, maps));
      await journal.add(input, [...files, ...drawings]);
      return [...(isOneFile ? [] : files), ...drawings].map((file) => join(out, file));
    },
    async close() {
      await journal.close();
      if (!isOneFile || journal.finished.size === 0) return undefined;
      const parts = inputs.flatMap(({ name, picture }) => {
        const entry = journal.finished.get(name);
        return entry ? [{ picture, file: join(out, entry.files[0]) }] : [];
      });
      return merge(format, out, parts);
    },
  };
}

async function drawn(input: Input, maps: readonly FeatureMapData[]): Promise<Uint8Array> {
  const tiles = maps.map(({ name, data, shape: [height, width, channels] }) => {
    return { name, data, height, width, channels };
  });
  return encodePng(featurePicture(await decodeImage(contentOf(input)), tiles));
}
