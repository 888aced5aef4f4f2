import type { CheckpointForms } from '../contracts.js';
import { ConvNextV2Error } from '../errors.js';
import { checkOptions } from './pretrained-options.js';
import { renameCheckpoint } from './rename.js';
import { type ModelSource, openSource, type SourceOptions } from './source.js';
import { isTimmConfig, timmConfigFields } from './timm-config.js';

/**
 * Opens a source, and finds its config where it has none of its own (weights alone, or a config of timm's): from the shapes of
 * its tensors, by the first of `forms` that can. Throws as `openSource`, E_ARGUMENT for an unknown option, E_SOURCE where none can, and what reading the
 * checkpoint's names throws.
 */
export async function openConfigured(
  source: string | URL,
  forms: readonly (CheckpointForms | undefined)[],
  options: SourceOptions = {},
): Promise<ModelSource> {
  checkOptions(options);
  const opened = await openSource(source, options);
  const { config: given, ...others } = options;
  if (given !== undefined && !opened.openCheckpoint) {
    throw new ConvNextV2Error('E_SOURCE', {
      path: String(source),
      wanted: 'weights: the option config says what the model is',
      got: 'a config alone',
    });
  }
  if (typeof given === 'string' || given instanceof URL) {
    const { config, origin } = await openSource(given, {
      ...others,
      revision: undefined,
      subfolder: undefined,
      sha256: undefined,
    });
    return { ...opened, config, origin };
  }
  if (given) return { ...opened, config: given.toJSON(), origin: { file: 'config', unknownKeys: 'keep' } };
  const isForeign = isTimmConfig(opened.config);
  if ((opened.config !== undefined && !isForeign) || !opened.openCheckpoint) return opened;
  const checkpoint = await opened.openCheckpoint();
  try {
    for (const form of forms) {
      if (!form?.deriveConfig) continue;
      const { checkpoint: renamed, naming } = renameCheckpoint(checkpoint, form.namings, options.format);
      const derived = form.deriveConfig(renamed.tensors, naming);
      if (!derived) continue;
      const config = isTimmConfig(opened.config)
        ? {
            ...derived,
            ...form.timmFields?.({ ...opened.config }, opened.origin.file),
            ...timmConfigFields(opened.config),
          }
        : derived;
      return { ...opened, config, origin: { ...opened.origin, unknownKeys: 'keep' } };
    }
  } finally {
    await checkpoint.close();
  }
  throw new ConvNextV2Error('E_SOURCE', {
    path: checkpoint.path,
    wanted: 'a config.json beside the weights, or tensors whose names and shapes tell what the model is',
    got: `neither; there are ${[...checkpoint.tensors.keys()].slice(0, 3).join(', ') || 'no tensors'}`,
    suggestion: 'name its config by the option config, such as upernet_convnextv2-tiny; on the command line --config',
  });
}
