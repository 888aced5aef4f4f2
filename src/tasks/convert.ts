import { join } from 'node:path';
import type { BackbonePlugin, Checkpoint } from '../contracts.js';
import { ConvNextV2Error, didYouMean, show } from '../errors.js';
import { defaultRegistry, type Registry } from '../registry.js';
import { makeFolder, writeJson } from '../weights/atomic.js';
import { formsOf, pluginOf } from '../weights/auto.js';
import { openConfigured } from '../weights/derive.js';
import { toBytes } from '../weights/dtypes.js';
import { namingCalled, renameCheckpoint } from '../weights/rename.js';
import { unreadableIn } from '../weights/report.js';
import { imageNetPreprocessor, type ModelSource, type SourceOptions } from '../weights/source.js';
import { writeSafetensors } from '../weights/write-safetensors.js';

/** How numbers are written, and what safetensors and transformers call that. */
const DTYPES = { f32: ['F32', 'float32'], f16: ['F16', 'float16'], bf16: ['BF16', 'bfloat16'] } as const;

/** How a conversion writes numbers. */
export type ConvertDtype = keyof typeof DTYPES;

/** Options of `convertCheckpoint`. */
export interface ConvertOptions extends SourceOptions {
  /** Default f32. */
  readonly dtype?: ConvertDtype;
  /** Whose names to write: `hf`, `timm`, `fb`. Default hf. */
  readonly naming?: string;
  readonly registry?: Registry;
}

/** What came of a conversion. */
export interface Conversion {
  /** How the source was read. */
  readonly recognised: readonly string[];
  /** How many tensors were written. */
  readonly tensors: number;
  /** What the source has and no such model wants, or what cannot be read, by the names of the file. */
  readonly leftOut: readonly string[];
  /** Those of them that cannot be read, and why. */
  readonly unreadable: readonly { readonly name: string; readonly reason: string }[];
}

/** An opened source with a checkpoint under its model's own names. `use` runs while it is open. */
export async function withCheckpoint<T>(
  source: string | URL,
  { registry = defaultRegistry(), ...options }: SourceOptions & { readonly registry?: Registry },
  use: (checkpoint: Checkpoint, opened: ModelSource) => Promise<T>,
): Promise<T> {
  const opened = await openConfigured(source, formsOf(registry), options);
  const plugin = pluginOf<BackbonePlugin>(opened, registry);
  const checkpoint = await opened.openCheckpoint?.();
  if (!checkpoint) {
    throw new ConvNextV2Error('E_SOURCE', { path: `${source}`, wanted: 'weights', got: 'a config without any' });
  }
  try {
    return await use(
      renameCheckpoint(checkpoint, plugin.checkpoints?.namings ?? [], options.format).checkpoint,
      opened,
    );
  } finally {
    await checkpoint.close();
  }
}

/**
 * Writes a checkpoint of any kind as a folder with config.json, model.safetensors and preprocessor_config.json, each whole or
 * not at all, the config last; one tensor is in memory at a time. Throws E_ARGUMENT for an unknown dtype or naming, E_OUTPUT,
 * and what opening the source throws.
 */
export async function convertCheckpoint(
  source: string | URL,
  folder: string,
  { dtype = 'f32', naming = 'hf', registry = defaultRegistry(), ...options }: ConvertOptions = {},
): Promise<Conversion> {
  if (!Object.hasOwn(DTYPES, dtype)) {
    const names = Object.keys(DTYPES);
    throw new ConvNextV2Error('E_ARGUMENT', {
      path: 'dtype',
      wanted: `one of ${names.join(', ')}`,
      got: show(dtype),
      suggestion: didYouMean(String(dtype), names),
    });
  }
  const [stored, name] = DTYPES[dtype];
  return withCheckpoint(source, { registry, ...options }, async (checkpoint, opened) => {
    const plugin = pluginOf<BackbonePlugin>(opened, registry);
    const writers = (plugin.checkpoints?.namings ?? []).filter(({ write }) => write);
    const written = namingCalled(naming, writers, 'naming').write!(checkpoint.tensors);
    const tensors = [...written].flatMap(([own, { name, shape = checkpoint.tensors.get(own)!.shape }]) => {
      if (checkpoint.tensors.get(own)!.unreadable !== undefined) return [];
      return [{ name, shape, dtype: stored, bytes: async () => toBytes(stored, await checkpoint.readFloat32(own)) }];
    });
    const { torch_dtype, ...config } = Object(opened.config);
    const preprocessor = opened.preprocessor?.json ?? (await imageNetPreprocessor(config.image_size));
    await makeFolder(folder);
    await writeSafetensors(join(folder, 'model.safetensors'), tensors, {
      ...(checkpoint.metadata && Object.fromEntries(checkpoint.metadata)),
      format: 'pt',
    });
    await writeJson(join(folder, 'preprocessor_config.json'), preprocessor);
    await writeJson(join(folder, 'config.json'), { ...config, dtype: name });
    const leftOut = [...checkpoint.tensors].filter(
      ([own, { unreadable }]) => !written.has(own) || unreadable !== undefined,
    );
    return {
      recognised: checkpoint.recognised ?? [],
      tensors: tensors.length,
      leftOut: leftOut.map(([own]) => checkpoint.storedNames?.get(own) ?? own),
      unreadable: unreadableIn(checkpoint).map(([name, reason]) => ({ name, reason })),
    };
  });
}
