import { stat } from 'node:fs/promises';
import { basename, extname, join, sep } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import { ConvNextV2Error } from '../errors.js';
import { overLimit, readLimits } from '../image/limits.js';

/** The help of the commands that take pictures. */
export const PICTURES_HELP = `  PICTURES             files, folders with pictures in them at any depth, patterns such as 'photos/**/*.jpg', and - for
                       a picture on standard input`;

/** A picture of the command line. */
export interface Input {
  /** Its path; - for standard input. */
  readonly picture: string;
  /** What came on standard input. */
  readonly bytes?: Uint8Array;
  /** What to call its files, without their endings; no other input's is called so. From a folder, with folders in it. */
  readonly name: string;
}

const IN_A_FOLDER = '**/*.{jpg,jpeg,png,webp,avif,tif,tiff,gif}';

/** The picture of a picture's features, as `features --picture` calls it. */
export const DRAWING = '.features.png';
/** The classes of a picture's pixels, and a picture of them, as `segment` calls them. */
export const CLASSES = '.classes.png';
export const OVERLAY = '.overlay.png';
/** The picture of what was found in a picture, as `detect --out` calls it. */
export const DETECTIONS = '.detections.png';
/** What we write ourselves is not taken for a picture where folders are searched. */
const OURS = [DRAWING, CLASSES, OVERLAY, DETECTIONS];

/**
 * The pictures that are meant by files, folders (with all that is in them and ends like a picture) and globs, each folder's and
 * glob's in the order of their paths; and what is wrong with those that mean none.
 */
export async function findInputs(
  args: readonly string[],
): Promise<{ readonly inputs: readonly Input[]; readonly failures: readonly ConvNextV2Error[] }> {
  if (args.indexOf(STDIN) !== args.lastIndexOf(STDIN)) {
    throw new ConvNextV2Error('E_USAGE', { path: STDIN, wanted: 'standard input once', got: 'more than once' });
  }
  const found = await Promise.all(args.map(find));
  const failures = found.flatMap((inputs, i) => {
    if (inputs.length > 0) return [];
    const problem = { path: args[i], wanted: 'at least one picture', got: 'none' };
    return [new ConvNextV2Error('E_IMAGE', problem)];
  });
  return { inputs: named(found.flat()), failures };
}

/** The argument that stands for standard input. */
const STDIN = '-';

/** A picture on standard input. Throws E_LIMIT where it is larger than a picture file may be. */
async function readStandardInput(): Promise<Input> {
  const { maxBytes } = readLimits({});
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of process.stdin) {
    size += part.length;
    if (size > maxBytes) overLimit('maxBytes', 'standard input', `at most ${maxBytes} bytes`, `${size} bytes or more`);
    parts.push(part);
  }
  return { picture: STDIN, bytes: new Uint8Array(Buffer.concat(parts)), name: 'stdin' };
}

/** What to decode of an input. */
export const contentOf = ({ picture, bytes }: Input): string | Uint8Array => bytes ?? picture;

async function find(path: string): Promise<readonly Input[]> {
  if (path === STDIN) return [await readStandardInput()];
  const there = await stat(path).catch(() => undefined);
  if (there?.isDirectory()) return search(path, IN_A_FOLDER);
  // a file may be called like a pattern
  if (there || !isDynamicPattern(path)) return [{ picture: path, name: basename(path) }];
  const segments = path.replaceAll(sep, '/').split('/');
  const fixed = segments.findIndex((segment) => isDynamicPattern(segment) || segment.includes('\\'));
  const folder = fixed === 0 ? '.' : `${segments.slice(0, fixed).join('/')}/`;
  return search(folder, segments.slice(fixed).join('/'));
}

async function search(folder: string, pattern: string): Promise<readonly Input[]> {
  const files = await glob(pattern, { cwd: folder, caseSensitiveMatch: false, expandDirectories: false });
  const pictures = files.filter((file) => !OURS.some((ending) => file.endsWith(ending))).sort();
  // a pattern such as */../../* leads out of its folder, and must not lead the files there
  const nameOf = (file: string) => (file.startsWith('..') ? basename(file) : file);
  return pictures.map((file) => ({ picture: join(folder, file), name: nameOf(file) }));
}

/** With names as those of the pictures, less their endings, and a number where another one's are called so. */
function named(inputs: readonly Input[]): readonly Input[] {
  const taken = new Set<string>();
  return inputs.map(({ name: file, ...input }) => {
    const own = file.slice(0, file.length - extname(file).length);
    let name = own;
    // not every file system tells a from A
    for (let i = 2; taken.has(name.toLowerCase()); i++) name = `${own}-${i}`;
    taken.add(name.toLowerCase());
    return { ...input, name };
  });
}
