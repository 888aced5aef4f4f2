import { readdir, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { knownModel } from '../config/known-models.js';
import { ConvNextV2Error, didYouMean, show } from '../errors.js';
import { expandPath } from './hub/expand-path.js';

/** What files of weights and configs end with. */
const FILE = /\.(safetensors|bin|pth|pt|ckpt|pkl|tar|h5|hdf5|keras|json)$/i;

/** `./x`, `../x`, `~/x`, `C:\x`, `/x`, `x/`, `a/b/c`. */
const PATH = /^[.~/]|^[a-z]:|\\|\/$|\/.*\//i;

/** Whether a source that is not there can only be meant as a path, so that no server is to be asked for it. */
export async function looksLikePath(source: string): Promise<boolean> {
  return FILE.test(source) || PATH.test(source) || isInFolderHere(source);
}

/** A folder `runs` makes `runs/best` a path. What is published under such a name is still found. */
async function isInFolderHere(source: string): Promise<boolean> {
  const [owner, name] = source.split('/');
  return name !== undefined && knownModel(source) === undefined && (await isFolder(owner));
}

/** The error for a path that is not there, with near names out of the last folder on it that is. */
export async function noSuchPath(path: string): Promise<ConvNextV2Error> {
  let [folder, name] = [dirname(path), basename(path)];
  while (!(await isFolder(folder)) && dirname(folder) !== folder) {
    [folder, name] = [dirname(folder), basename(folder)];
  }
  const names = await readdir(folder).catch(() => []);
  const near = name.length > 3 ? didYouMean(name, names) : undefined; // short names are near to all others
  const list = names.length > 0 ? `has ${names.slice(0, 8).join(', ')}${names.length > 8 ? ', ...' : ''}` : 'is empty';
  const home = expandPath(path, process.env);
  const isAtHome = home !== path && (await stat(home).catch(() => undefined));
  return new ConvNextV2Error('E_SOURCE', {
    path,
    wanted: 'a folder or a file',
    got: PATH.test(path) || FILE.test(path) ? 'none of this name' : `none of this name in the folder ${folder}`,
    suggestion: isAtHome ? `did you mean ${show(home)}?` : (near ?? `the folder ${folder} ${list}`),
  });
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}
