import { readFileSync } from 'node:fs';
import { golden, safetensorsFile } from '../helpers.js';
import { float32, rebuilt, torchZip } from '../weights/torch-files.js';

export type Reader = 'safetensors' | 'pickle' | 'zip' | 'index' | 'h5';

const file = (path: string): Uint8Array => new Uint8Array(readFileSync(golden(...path.split('/'))));

const SMALL_HEADER = {
  __metadata__: { format: 'pt' },
  a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
  b: { dtype: 'I64', shape: [1, 1], data_offsets: [8, 16] },
};
const SMALL_PICKLE = `}(X\x05\0\0\0model}X\x01\0\0\0x${rebuilt(6, 0, [3, 2], [1, 3])}sX\x05\0\0\0epochK\x07u.`;

/** For each reader the files that mutants are made from: small ones, where a change is likely to matter, and real ones. */
export const SEEDS: Readonly<Record<Reader, () => readonly Uint8Array[]>> = {
  safetensors: () => [
    safetensorsFile(SMALL_HEADER, new Uint8Array(16)),
    file('checkpoints-bad/name-proto.safetensors'),
    file('checkpoints/timm-features.safetensors'),
  ],
  pickle: () => [
    Buffer.from(`\x80\x02${SMALL_PICKLE}`, 'latin1'),
    file('checkpoints-bad/calls-system-raw.bin'),
    file('checkpoints/hf-bin-legacy/pytorch_model.bin'),
  ],
  zip: () => [
    torchZip(SMALL_PICKLE, { 0: float32(0, 1, 2, 3, 4, 5) }),
    file('checkpoints-bad/view-past-its-storage.bin'),
    file('checkpoints/fcmae-dense.pth'),
    ...['mmengine.pth', 'lightning-5.ckpt', 'odd-tensors.pth'].map((name) =>
      readFileSync(new URL(`../weights/peers/${name}`, import.meta.url)),
    ),
  ],
  index: () => [
    Buffer.from('{"metadata": {"total_size": 8}, "weight_map": {"a": "model-00004-of-00004.safetensors"}}'),
    file('checkpoints/hf-sharded/model.safetensors.index.json'),
  ],
  h5: () => [file('checkpoints/tf/tf_model.h5')],
};
