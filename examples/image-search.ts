/**
 * Search by picture: which photographs of a folder are most like this one?
 *
 * npx tsx examples/image-search.ts [FOLDER [QUERY...]]
 *
 * Prints, for each query, the pictures of the folder from the nearest to the farthest, with their similarity from -1 to 1,
 * and draws the nearest beside the query in out/image-search.png. Without arguments the folder is examples/pictures, and the
 * queries are pieces cut out of its own photographs.
 *
 * The weights are untrained, and see colours and fine patterns alone: enough to tell which photograph a piece is from. To
 * trained ones (let SOURCE be the folder of a downloaded model, and SIDE its side) things of a kind are alike: two different
 * cats, whatever their colours.
 */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  ConvNextImageProcessor,
  decodeImage,
  encodePng,
  extractFeatures,
  pictureSheet,
  type RawImage,
} from 'convnextv2';

const SOURCE = 'convnextv2-atto';
/** Pictures are looked at small, which is fast; trained weights want the side that they were trained on. */
const SIDE = 96;
const SHOWN = 3;
const OUTPUT = 'out/image-search.png';
/** Who must be named wherever the picture is shown. */
const CREDITS: Readonly<Record<string, readonly string[]>> = { 'china.jpg': ['by danielbuechele', 'CC BY 2.0'] };

interface Picture {
  readonly name: string;
  readonly image: RawImage;
}

type Described = Picture & { readonly features: Float32Array };

async function openPicture(path: string): Promise<Picture> {
  return { name: basename(path), image: await decodeImage(path) };
}

/** A piece of a picture, half as high and as wide: its middle. */
function piece({ name, image }: Picture): Picture {
  const { data, channels } = image;
  const [height, width] = [image.height >> 1, image.width >> 1];
  const rows = Array.from({ length: height }, (_, y) => {
    const from = (((image.height - height) >> 1) + y) * image.width + ((image.width - width) >> 1);
    return data.subarray(from * channels, (from + width) * channels);
  });
  return { name: `piece of ${name}`, image: { data: Buffer.concat(rows), width, height, channels } };
}

/** Each picture with the pooled features that the model has for it. */
async function describe(pictures: readonly Picture[]): Promise<readonly Described[]> {
  const settings = await ConvNextImageProcessor.fromPretrained(SOURCE);
  const processor = new ConvNextImageProcessor({ ...settings, size: SIDE });
  const images = pictures.map(({ image }) => image);
  const described: Described[] = [];
  for await (const { maps, error } of extractFeatures(SOURCE, images, {
    pool: 'mean',
    weights: 'random',
    seed: 0,
    processor,
  })) {
    const picture = pictures[described.length];
    if (error) throw new Error(`${picture.name}: ${error.message}`, { cause: error });
    described.push({ ...picture, features: maps[0].data });
  }
  return described;
}

/** The cosine of the angle between two features. */
function similarity(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

function search(query: Described, index: readonly Described[]) {
  return index
    .map((picture) => ({ ...picture, likeness: similarity(query.features, picture.features) }))
    .sort((a, b) => b.likeness - a.likeness);
}

const [folder = 'examples/pictures', ...queryPaths] = process.argv.slice(2);
const paths = (await readdir(folder)).filter((file) => /\.(jpe?g|png|webp)$/i.test(file)).sort();
if (paths.length === 0) throw new Error(`${folder} has no pictures`);
const photographs = await Promise.all(paths.map((path) => openPicture(join(folder, path))));
const queries = queryPaths.length > 0 ? await Promise.all(queryPaths.map(openPicture)) : photographs.map(piece);

const described = await describe([...photographs, ...queries]);
const index = described.slice(0, photographs.length);
const rows = described.slice(photographs.length).map((query) => ({ query, found: search(query, index) }));

for (const { query, found } of rows) {
  console.log(`${query.name}: ${found.map(({ name, likeness }) => `${name} ${likeness.toFixed(2)}`).join(', ')}`);
}

const tile = ({ name, image }: Picture, line: string) => {
  const credit = Object.keys(CREDITS).find((file) => name.endsWith(file));
  return { image, lines: [name, line, ...(credit ? CREDITS[credit] : [])] };
};
const sheet = pictureSheet(
  rows.map(({ query, found }) => [
    tile(query, 'query'),
    ...found.slice(0, SHOWN).map((picture) => tile(picture, picture.likeness.toFixed(2))),
  ]),
  160,
);
await mkdir('out', { recursive: true });
await writeFile(OUTPUT, await encodePng(sheet));
console.log(`wrote ${OUTPUT}`);
