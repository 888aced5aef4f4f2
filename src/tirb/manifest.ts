import * as tf from '@tensorflow/tfjs-core';
import { ConvNextV2Error, show } from '../errors.js';
import { readModel } from '../keras/file-handler.js';
import { checkModelJson } from '../keras/model-json.js';
import { tirb } from './load.js';

/** The weights of a manifest of tfjs on disk; the tensors are the caller's. Throws E_CONFIG, E_SOURCE, E_LIMIT, E_WEIGHTS. */
export async function readManifest(manifest: unknown, file: string): Promise<tf.NamedTensorMap> {
  const { weightData, weightSpecs } = await readModel(asModel(manifest), file);
  return tf.io.decodeWeights(weightData!, weightSpecs!);
}

/**
 * The weights of the manifest at a URL, or in the folder at the URL; the tensors are the caller's. Throws E_NETWORK where a file does
 * not come, E_CONFIG, E_WEIGHTS.
 */
export async function fetchManifest(uri: string, modelName: string): Promise<tf.NamedTensorMap> {
  const { manifestUri, modelBaseUri } = tirb.TfjsImageRecognitionBase.getModelUris(uri, modelName);
  const manifest = await fetching(manifestUri, () => tirb.fetchJson<unknown>(manifestUri));
  const { json, groups } = checkModelJson(asModel(manifest), manifestUri);
  const buffers: ArrayBuffer[] = [];
  for (const { paths, bytes } of groups) {
    const files = await Promise.all(paths.map((path) => fetchFile(`${modelBaseUri}/${path}`)));
    const size = files.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (size !== bytes) {
      const wanted = `${bytes} bytes, as the manifest says`;
      throw new ConvNextV2Error('E_WEIGHTS', { path: `${modelBaseUri}/${paths}`, wanted, got: `${size} bytes` });
    }
    buffers.push(...files);
  }
  // the empty one: see readModel
  return tf.io.decodeWeights([...buffers, new ArrayBuffer(0)], tf.io.getWeightSpecs(json.weightsManifest));
}

const asModel = (weightsManifest: unknown) => ({ modelTopology: {}, weightsManifest });

const fetchFile = (url: string): Promise<ArrayBuffer> =>
  fetching(url, async () => (await tirb.fetchOrThrow(url)).arrayBuffer());

/** Runs what fetches; what goes wrong becomes an E_NETWORK. */
async function fetching<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : show(cause);
    throw new ConvNextV2Error('E_NETWORK', { path, wanted: 'weights and their manifest', got }, { cause });
  }
}
