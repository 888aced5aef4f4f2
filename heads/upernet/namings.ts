import type { CheckpointForms, Naming, RenamedTensor } from '../../src/contracts.js';

/** mmsegmentation's, which says `bn` and `conv_seg`; what is the same in both is not listed. */
const MM: Naming = {
  name: 'mm',
  read(tensors) {
    if (!tensors.has('decode_head.conv_seg.weight')) return undefined;
    const heads = [...tensors.keys()].filter((name) => /^(decode|auxiliary)_head\./.test(name));
    return new Map(
      heads.map((name): [string, RenamedTensor] => {
        return [name, { name: name.replace('.bn.', '.batch_norm.').replace('.conv_seg.', '.classifier.') }];
      }),
    );
  },
};

/** Whose names UperNet's checkpoints have, if not the reference's. */
export const CHECKPOINTS: CheckpointForms = { namings: [MM], backbonePrefix: 'backbone.' };
