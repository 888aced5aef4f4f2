import type { StoredDtype, StoredTensor } from '../contracts.js';
import { ConvNextV2Error, show } from '../errors.js';
import { writeFileAtomically } from './atomic.js';
import { byteLength, STORED_DTYPES } from './dtypes.js';
import { checkStored, fail, parseHeader, where } from './safetensors.js';

/** A tensor to be written: its bytes as they will lie in the file, or a function that gives them when they are needed. */
export interface TensorToWrite extends Pick<StoredTensor, 'shape'> {
  readonly name: string;
  readonly dtype: StoredDtype;
  readonly bytes: Uint8Array | (() => Uint8Array | Promise<Uint8Array>);
}

/**
 * Writes a safetensors file as the reference's writer does, byte for byte: wide dtypes first, then by name, the header padded
 * to 8 bytes. The file is written in full or not at all, one tensor in memory at a time.
 * The default metadata is what transformers asks for; none are written for `{}`.
 * Throws E_SAFETENSORS for names, shapes or metadata that no file can have, E_ARGUMENT where the bytes of a tensor are not as
 * many as its dtype and shape say, E_OUTPUT where the file cannot be written.
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Promise<void> {
  const sorted = inOrder(tensors, path);
  const header = makeHeader(sorted, metadata);
  // what we would refuse to read, we do not write
  const dataSize = sorted.reduce((size, { dtype, shape }) => size + byteLength(dtype, shape), 0);
  parseHeader(header, header.length + dataSize, path);
  await writeFileAtomically(path, async (handle) => {
    await handle.writeFile(header);
    for (const tensor of sorted) await handle.writeFile(await bytesOf(tensor, path));
  });
}

function inOrder(tensors: Iterable<TensorToWrite>, path: string): readonly TensorToWrite[] {
  const list = [...tensors];
  for (const tensor of list) {
    if (typeof tensor.name !== 'string') fail(path, 'a name for each tensor', show(tensor.name));
    checkStored(tensor, () => where(path, tensor.name));
  }
  // by UTF-8 bytes, as Rust compares strings: JavaScript's own order differs beyond U+FFFF
  const keyed = list.map((tensor) => ({
    tensor,
    rank: STORED_DTYPES.indexOf(tensor.dtype),
    key: Buffer.from(tensor.name),
  }));
  return keyed.sort((a, b) => b.rank - a.rank || Buffer.compare(a.key, b.key)).map(({ tensor }) => tensor);
}

/** The length of the header in 8 bytes, and the header. Put together by hand: an object would reorder names such as `7`. */
function makeHeader(tensors: readonly TensorToWrite[], metadata: Readonly<Record<string, string>>): Uint8Array {
  const members = Object.keys(metadata).length > 0 ? [member('__metadata__', metadata)] : [];
  let at = 0;
  for (const { name, dtype, shape } of tensors) {
    const begin = at;
    at += byteLength(dtype, shape);
    members.push(member(name, { dtype, shape, data_offsets: [begin, at] }));
  }
  const json = Buffer.from(`{${members.join(',')}}`);
  const header = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  header.writeBigUInt64LE(BigInt(header.length - 8));
  header.set(json, 8);
  return header;
}

function member(name: string, value: object): string {
  return `${JSON.stringify(name)}:${JSON.stringify(value)}`;
}

async function bytesOf({ name, dtype, shape, bytes }: TensorToWrite, path: string): Promise<Uint8Array> {
  const found = typeof bytes === 'function' ? await bytes() : bytes;
  const isBytes = found instanceof Uint8Array;
  const length = byteLength(dtype, shape);
  if (isBytes && found.length === length) return found;
  throw new ConvNextV2Error('E_ARGUMENT', {
    path: where(path, name),
    wanted: `${length} bytes for ${dtype} ${show(shape)}, in a Uint8Array`,
    got: isBytes ? `${found.length} bytes` : show(found),
    suggestion:
      ArrayBuffer.isView(found) && !isBytes
        ? 'give new Uint8Array(values.buffer, values.byteOffset, values.byteLength)'
        : undefined,
  });
}
