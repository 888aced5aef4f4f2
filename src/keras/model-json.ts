import type * as tf from '@tensorflow/tfjs-core';
import { ConvNextV2Error, show } from '../errors.js';

/** Files that hold the values of some weights one after the other, and how many bytes these are. */
export interface WeightGroup {
  readonly paths: readonly string[];
  readonly bytes: number;
}

/** Bytes of a value by dtype, as it is and as it is stored when quantised. Texts have no fixed length, and are refused. */
const BYTES: Readonly<Record<string, number>> = { float32: 4, int32: 4, bool: 1, complex64: 8 };
const QUANTISED_BYTES: Readonly<Record<string, number>> = { uint8: 1, uint16: 2, float16: 2 };

/** Far more than any model has; tfjs takes time that grows with the square. */
const MAX_USES = 10_000;

/** Classes of layers that tfjs counts as used once when they are made: inputs, and models in a model. */
const USED_WHEN_MADE: readonly unknown[] = ['InputLayer', 'Sequential', 'Model', 'Functional'];

type Ensure = (holds: boolean, place: string, wanted: string, got: unknown) => void;

/**
 * Checks a model.json of tfjs before tfjs sees it: that its weights have sizes and lie in files of its folder, and that its
 * layers can be made (tfjs would wait for a missing one without end). Throws E_CONFIG.
 */
export function checkModelJson(
  json: unknown,
  file: string,
): { readonly json: tf.io.ModelJSON; readonly groups: readonly WeightGroup[] } {
  const ensure: Ensure = (holds, place, wanted, got) => {
    if (!holds) throw new ConvNextV2Error('E_CONFIG', { path: `${file}: ${place}`, wanted, got: show(got) });
  };
  const { modelTopology, weightsManifest = [] } = Object(json);
  ensure(Object(modelTopology) === modelTopology, '/modelTopology', 'an object', modelTopology);
  checkGraphs(modelTopology, '/modelTopology', ensure);
  ensure(Array.isArray(weightsManifest), '/weightsManifest', 'a list', weightsManifest);
  const names = new Set<unknown>();
  const groups = (weightsManifest as readonly unknown[]).map((group, i) => {
    const { paths, weights } = Object(group);
    const place = `/weightsManifest/${i}`;
    const areInFolder = Array.isArray(paths) && paths.every(isInFolder);
    ensure(areInFolder, `${place}/paths`, 'files in the folder of the model.json', paths);
    ensure(Array.isArray(weights), `${place}/weights`, 'a list', weights);
    let bytes = 0;
    for (const [j, weight] of (weights as readonly unknown[]).entries()) {
      const { name, shape, dtype, quantization } = Object(weight);
      const at = `${place}/weights/${j}`;
      ensure(typeof name === 'string' && !names.has(name), `${at}/name`, 'a name of its own', name);
      names.add(name);
      ensure(Array.isArray(shape) && shape.every(isLength), `${at}/shape`, 'a list of lengths', shape);
      const [known, stored] = quantization ? [QUANTISED_BYTES, Object(quantization).dtype] : [BYTES, dtype];
      ensure(Object.hasOwn(known, stored), `${at}/dtype`, `one of ${Object.keys(known).join(', ')}`, stored);
      bytes += (shape as readonly number[]).reduce((size, length) => size * length, known[stored]);
    }
    return { paths, bytes };
  });
  return { json: json as tf.io.ModelJSON, groups };
}

const isLength = (length: unknown): boolean => Number.isSafeInteger(length) && (length as number) >= 0;

const isInFolder = (path: unknown): boolean =>
  typeof path === 'string' && path !== '' && !/^([\\/]|[a-z]:)/i.test(path) && !path.split(/[\\/]/).includes('..');

/** Checks every model in this value, which may be a model, or hold some in its layers. */
function checkGraphs(value: unknown, place: string, ensure: Ensure): void {
  if (typeof value !== 'object' || value === null) return;
  const { layers } = Object('config' in value ? value.config : undefined);
  if (Array.isArray(layers)) checkGraph(layers, place, ensure);
  for (const [key, part] of Object.entries(value)) checkGraphs(part, `${place}/${key}`, ensure);
}

/** Uses the layers as tfjs does, each as soon as what it takes is there. */
function checkGraph(layers: readonly unknown[], place: string, ensure: Ensure): void {
  const uses = new Map<unknown, number>();
  let waiting = layers.flatMap((layer) => {
    const { name, class_name } = Object(layer);
    uses.set(name, USED_WHEN_MADE.includes(class_name) ? 1 : 0);
    return inboundNodes(layer).map((takes) => ({ name, takes: [takes].flat(1) }));
  });
  ensure(layers.length + waiting.length <= MAX_USES, place, `at most ${MAX_USES} layers`, waiting.length);
  while (waiting.length > 0) {
    const left = waiting.filter(({ name, takes }) => {
      // each is [name of a layer, which of its uses, ...]
      const isReady = takes.map(Object).every(({ 0: from, 1: use }) => (uses.get(from) ?? 0) > Number(use));
      if (isReady) uses.set(name, (uses.get(name) ?? 0) + 1);
      return !isReady;
    });
    ensure(left.length < waiting.length, place, 'layers that take what other layers give', left[0]);
    waiting = left;
  }
}

/** tfjs takes the key in any spelling that it can turn into `inboundNodes`. */
function inboundNodes(layer: unknown): readonly unknown[] {
  const nodes = Object.entries(Object(layer)).filter(([key]) => /^inbound_*nodes$/i.test(key));
  return nodes.flatMap(([, value]) => value);
}
