import * as tf from '@tensorflow/tfjs-core';
import { decode, MAX_BYTES, parseJson } from '../config/read-json.js';
import { ConvNextV2Error, show } from '../errors.js';
import { readModel } from '../keras/file-handler.js';
import { checkModelJson } from '../keras/model-json.js';
import { tirb } from './load.js';

/** The weights of a manifest of tfjs on disk; the tensors are the caller's. Throws E_CONFIG, E_SOURCE, E_LIMIT, E_WEIGHTS. */
export async function readManifest(manifest: unknown, file: string): Promise<tf.NamedTensorMap> {
  const { weightData, weightSpecs } = await readModel(asModel(manifest), file);
  return tf.io.decodeWeights(weightData!, weightSpecs!);
}

/** Whether it is the URL of a manifest, or of a folder: its last name ends in `.json`, or has no ending. */
export const isManifestUrl = ({ protocol, pathname }: URL): boolean =>
  /^https?:$/.test(protocol) && /\/[^/.]*$|\.json$/.test(pathname);

/**
 * The weights of the manifest at a URL, or in the folder at the URL; the tensors are the caller's. All files are asked for with the
 * URL's query. Throws E_NETWORK where a file does not come, E_LIMIT where one is larger than it should be, E_JSON, E_CONFIG,
 * E_WEIGHTS.
 */
export async function fetchManifest(url: URL, modelName: string): Promise<tf.NamedTensorMap> {
  const { pathname } = url;
  const isFile = pathname.endsWith('.json');
  const folder = isFile ? pathname.slice(0, pathname.lastIndexOf('/')) : pathname.replace(/\/+$/, '');
  const at = (name: string): string => Object.assign(new URL(url), { pathname: `${folder}/${name}` }).href;
  const manifestUrl = isFile ? url.href : at(`${modelName}-weights_manifest.json`);
  const manifest = new Uint8Array(await fetchBytes(manifestUrl, MAX_BYTES));
  const { json, groups } = checkModelJson(asModel(parseJson(decode(manifest, manifestUrl), manifestUrl)), manifestUrl);
  const buffers: ArrayBuffer[] = [];
  for (const { paths, bytes } of groups) {
    const files = await Promise.all(paths.map((path) => fetchBytes(at(path), bytes)));
    const size = files.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (size !== bytes) {
      const wanted = `${bytes} bytes, as the manifest says`;
      throw new ConvNextV2Error('E_WEIGHTS', { path: paths.map(at).join(', '), wanted, got: `${size} bytes` });
    }
    buffers.push(...files);
  }
  // the empty one: see readModel
  return tf.io.decodeWeights([...buffers, new ArrayBuffer(0)], tf.io.getWeightSpecs(json.weightsManifest));
}

const asModel = (weightsManifest: unknown) => ({ modelTopology: {}, weightsManifest });

/** The file at a URL. Throws E_NETWORK where it does not come, E_LIMIT as soon as it has more than `most` bytes. */
async function fetchBytes(url: string, most: number): Promise<ArrayBuffer> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let left = most;
  try {
    const { body } = await tirb.fetchOrThrow(url);
    for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array<ArrayBuffer>>) {
      left -= chunk.byteLength;
      if (left < 0) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : show(cause);
    throw new ConvNextV2Error('E_NETWORK', { path: url, wanted: 'weights and their manifest', got }, { cause });
  }
  if (left < 0) throw new ConvNextV2Error('E_LIMIT', { path: url, wanted: `at most ${most} bytes`, got: 'more' });
  return new Blob(chunks).arrayBuffer();
}
