import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs-core';
import {
  ConvNextV2Config,
  ConvNextV2ForImageClassification,
  ConvNextV2Model,
} from '../../../backbones/convnext/index.js';
import type { Layout } from '../../../src/contracts.js';
import { ConvNextV2Error } from '../../../src/errors.js';
import { openCheckpoint } from '../../../src/weights/open-checkpoint.js';
import { type Case, compareAll, readTensors, type Values } from '../compare.js';
import { difference, named, numbered, pictures } from './models.js';

/** A row of `valid`: a file, whose names it has, and what it holds. */
interface Valid {
  readonly file: string;
  readonly holds: 'all' | 'model' | 'features';
  readonly dtype?: string;
  readonly key?: string;
}

/** One model's weights in every container and under every naming: the same outputs, and the same architecture by the shapes. */
export async function checkpoints(folder: string, spec: Case): Promise<string[]> {
  const failures: string[] = [];
  const pixels = await pictures(folder, spec);
  for (const row of spec.valid as readonly Valid[]) {
    try {
      for (const failure of await runFile(folder, spec, row, pixels)) failures.push(`${row.file}: ${failure}`);
    } catch (error) {
      failures.push(`${row.file}: ${error}`);
    }
  }
  pixels.dispose();
  return failures;
}

async function runFile(folder: string, spec: Case, row: Valid, pixels: tf.Tensor4D): Promise<string[]> {
  const { holds, dtype, key } = row;
  const file = join(folder, row.file);
  const config = configOf(spec);
  const layout = spec.layout as Layout;
  const got = new Map<string, Values>();
  const model = await ConvNextV2Model.fromPretrained(file, {
    config,
    key,
    layout,
    strict: holds === 'model' ? 'all' : 'body',
  });
  const { poolerOutput, hiddenStates, lastHiddenState } = model.forward(pixels, { outputHiddenStates: true });
  lastHiddenState.dispose();
  const maps = numbered('hidden_states', hiddenStates!);
  for (const [name, values] of await named({ ...maps, pooler_output: poolerOutput })) got.set(name, values);
  model.dispose();
  if (holds === 'features') got.delete('pooler_output');
  if (holds === 'all') {
    const classifier = await ConvNextV2ForImageClassification.fromPretrained(file, {
      config,
      key,
      layout,
      strict: 'all',
    });
    const { logits } = classifier.forward(pixels);
    for (const [name, values] of await named({ logits })) got.set(name, values);
    classifier.dispose();
  }
  const role = dtype === 'fp16' || dtype === 'bf16' ? `outputs_${dtype}` : 'outputs';
  const wanted = [...(await readTensors(folder, spec, role))].filter(([name]) => got.has(name));
  const derived = await ConvNextV2Config.fromPretrained(file, { key });
  return [
    ...compareAll('output', got, new Map(wanted), spec.tolerance.forward),
    ...difference('depths', derived.depths, config.depths),
    ...difference('hidden_sizes', derived.hiddenSizes, config.hiddenSizes),
    ...(holds === 'all' ? difference('num_labels', derived.numLabels, config.numLabels) : []),
  ];
}

/** A row of `bad`: a file, and what is wrong with it. */
interface Bad {
  readonly file: string;
  readonly must_throw: boolean;
  readonly model?: boolean;
  readonly missing?: readonly string[];
  readonly unexpected?: readonly string[];
  readonly wrong_shape?: readonly string[];
  readonly wrong_dtype?: readonly string[];
  readonly not_finite?: readonly string[];
}

/** Files that must be refused, each by an error that says what is wrong. */
export async function badCheckpoints(folder: string, spec: Case): Promise<string[]> {
  const failures: string[] = [];
  for (const row of spec.bad as readonly Bad[]) {
    const failure = await refusal(join(folder, row.file), row, configOf(spec)).catch(String);
    if (failure) failures.push(`${row.file}: ${failure}`);
  }
  return failures;
}

async function refusal(file: string, row: Bad, config: ConvNextV2Config): Promise<string | undefined> {
  const { must_throw, model = false, missing = [], unexpected = [], wrong_shape = [], wrong_dtype = [] } = row;
  try {
    if (model) {
      const net = await ConvNextV2ForImageClassification.fromPretrained(file, { config, strict: 'all' });
      net.dispose();
      const { nonFinite } = net.report;
      if (`${nonFinite}` !== `${row.not_finite ?? []}`) return `reported as not finite: ${nonFinite}`;
    } else await (await openCheckpoint(file)).close();
  } catch (error) {
    if (!(error instanceof ConvNextV2Error)) return `threw ${error}`;
    if (!must_throw) return `refused: ${error.message}`;
    const text = error.problems.map(({ path, got }) => `${path} ${got}`).join('\n');
    const unnamed = [...missing, ...unexpected, ...wrong_shape, ...wrong_dtype].filter((name) => !text.includes(name));
    return unnamed.length > 0 ? `${error.message} does not name ${unnamed}` : undefined;
  }
  return must_throw ? 'was not refused' : undefined;
}

const configOf = ({ args }: Case): ConvNextV2Config => ConvNextV2Config.fromJSON(args);
