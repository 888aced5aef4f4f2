import './engine.js';
import { Module } from 'node:module';
import { dirname, sep } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { requireHere as require } from '../config/here.js';
import { peerError, throwLoadedBefore } from './engine.js';
import type * as surface from './surface.js';

const PACKAGE = 'tfjs-image-recognition-base';
const CORE = '@tensorflow/tfjs-core';
/** The versions whose classes these are. */
const VERSION = /^0\.6\./;
const INSTALL = { suggestion: `npm install ${PACKAGE}@0.6` };

/** How Node finds the file of a CommonJS request; not in its types. */
type ResolveFilename = (
  request: string,
  parent: { readonly filename?: string } | undefined,
  ...rest: unknown[]
) => string;
const loader = Module as unknown as { _resolveFilename: ResolveFilename };

/** tfjs-image-recognition-base on the tfjs of this package. Throws E_PEER where that cannot be. */
export const tirb: typeof surface = loadTirb();

function loadTirb(): typeof surface {
  const folder = findPackage();
  const main = require.resolve(PACKAGE);
  if (main in require.cache && !isOnOurTfjs(require(main))) throwLoadedBefore();
  const loaded = withOurTfjs(folder, () => require(main));
  if (isOnOurTfjs(loaded)) return loaded;
  throw peerError(`a package that runs on tfjs ${tf.version_core}`, 'one that does not', INSTALL);
}

function findPackage(): string {
  const wanted = `the package ${PACKAGE}, of version 0.6`;
  let manifest: string;
  try {
    manifest = require.resolve(`${PACKAGE}/package.json`);
  } catch (cause) {
    throw peerError(wanted, 'none', { ...INSTALL, cause });
  }
  const { version } = require(manifest);
  if (!VERSION.test(version)) throw peerError(wanted, `version ${version}`, INSTALL);
  return dirname(manifest);
}

/** Runs with what files of this folder ask for as tfjs-core, of whatever version, being ours. */
function withOurTfjs<T>(folder: string, work: () => T): T {
  const original = loader._resolveFilename;
  const ours = require.resolve(CORE);
  loader._resolveFilename = function (request, parent, ...rest) {
    if (request === CORE && parent?.filename?.startsWith(folder + sep)) return ours;
    return Reflect.apply(original, this, [request, parent, ...rest]);
  };
  try {
    return work();
  } catch (cause) {
    throw peerError('a package that loads', (cause as Error).message.split('\n')[0], { ...INSTALL, cause });
  } finally {
    loader._resolveFilename = original;
  }
}

/** Whether it takes a tensor of ours for one. */
function isOnOurTfjs(loaded: typeof surface): boolean {
  return loaded.isTensor(Object.create(tf.Tensor.prototype, { shape: { value: [] } }), 0);
}
