import { readFileSync } from 'node:fs';
import { packageFile } from './package-files.js';

/** A published checkpoint, with what its publishers say of it; what they do not say is absent. */
export interface KnownModel {
  /** What to open: the id of a model of the Hub, or a URL. */
  readonly source: string;
  /** The shipped config of its size, as `convnextv2-tiny`. */
  readonly config: string;
  readonly task: 'image-classification' | 'features' | 'semantic-segmentation';
  /** Whose names its tensors have. */
  readonly naming: 'hf' | 'fb' | 'timm' | 'torchvision';
  /** Side of the pictures that it was trained on last, in pixels. */
  readonly resolution?: number;
  readonly pretraining?: string;
  readonly trainedOn?: string;
  /** Published accuracy on ImageNet-1k's validation pictures, in percent. */
  readonly top1?: number;
  /** Published mean intersection over union on ADE20K, in percent. */
  readonly mIoU?: number;
  /** SPDX identifier. */
  readonly licence?: string;
}

/** Every published ConvNeXt checkpoint that this package knows of. */
export function knownModels(): readonly KnownModel[] {
  return JSON.parse(readFileSync(packageFile('configs', 'known-models.json'), 'utf8'));
}

/** What is known of a source; undefined for one that is not on the list. */
export function knownModel(source: string | URL): KnownModel | undefined {
  return knownModels().find((model) => model.source === String(source));
}

/** The licence of a source in a sentence, where it is known. */
export function licenceNotice(source: string | URL): string | undefined {
  const licence = knownModel(source)?.licence;
  if (licence === undefined) return undefined;
  return `licence of the weights: ${licence}${licence.includes('-NC') ? ', not for commercial use' : ''}`;
}
