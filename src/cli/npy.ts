/**
 * Float32 values as the bytes of a .npy file, version 1.0, in C order (numpy.lib.format: the magic, a version, the length of
 * a header that is a Python literal, and the values; all that is before these fills multiples of 64 bytes).
 */
export function toNpy(values: Float32Array, shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tuple}), }`;
  const length = Math.ceil((10 + header.length + 1) / 64) * 64;
  const bytes = Buffer.alloc(length + values.byteLength, ' ');
  bytes.write('\x93NUMPY\x01\x00', 'latin1');
  bytes.writeUInt16LE(length - 10, 8);
  bytes.write(header, 10);
  bytes.write('\n', length - 1);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), length);
  return bytes;
}
