import { crc32 } from 'node:zlib';

export const float32 = (...values: readonly number[]): Uint8Array => new Uint8Array(new Float32Array(values).buffer);

const whole = (value: number): string => `J${Buffer.from(new Int32Array([value]).buffer).toString('latin1')}`;
const tuple = (values: readonly number[]): string => `(${values.map(whole).join('')}t`;

/** The operations of a pickle that make a tensor: a view of storage 0, of so many floats. */
export function rebuilt(count: number, offset: number, shape: readonly number[], strides: readonly number[]): string {
  const storage = `(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu${whole(count)}tQ`;
  return `ctorch._utils\n_rebuild_tensor_v2\n(${storage}${whole(offset)}${tuple(shape)}${tuple(strides)}\x89}tR`;
}

/** What torch.save writes: a pickle, and storages by key. */
export function torchZip(pickled: string, storages: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const data = Object.entries(storages).map(([key, bytes]) => [`archive/data/${key}`, bytes]);
  return zipOf({ 'archive/data.pkl': Buffer.from(`\x80\x02${pickled}`, 'latin1'), ...Object.fromEntries(data) });
}

/** The flag of an entry that is encrypted: it has a header of twelve bytes more, which is not written here. */
const ENCRYPTED = 1;

/** A zip file of stored entries, and what can be wrong with one. */
export function zipOf(
  entries: Readonly<Record<string, Uint8Array>>,
  {
    method = 0,
    flags = 0,
    twice,
    shared = false,
    count,
  }: {
    readonly method?: number;
    readonly flags?: number;
    /** An entry that the directory lists again. */
    readonly twice?: string;
    /** Whether the last entry of the directory points to the first one's bytes. */
    readonly shared?: boolean;
    /** How many entries the file says it has. */
    readonly count?: number;
  } = {},
): Uint8Array {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  const names = [...Object.keys(entries), ...(twice === undefined ? [] : [twice])];
  for (const [i, name] of names.entries()) {
    const bytes = entries[name];
    // from the name's length on, the two kinds of record are alike: version, flags, method, time, sum, sizes, name, extra
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(flags, 2);
    fields.writeUInt16LE(method, 4);
    fields.writeUInt32LE(crc32(bytes), 10);
    fields.writeUInt32LE(bytes.length + (flags === ENCRYPTED ? 12 : 0), 14);
    fields.writeUInt32LE(bytes.length, 18);
    fields.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), fields, Buffer.from(name), bytes]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(shared && i === names.length - 1 ? 0 : at, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\0', 'latin1'), fields, rest, Buffer.from(name)]));
    parts.push(local);
    at += local.length;
  }
  const all = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(count ?? names.length, 8);
  end.writeUInt16LE(count ?? names.length, 10);
  end.writeUInt32LE(all.length, 12);
  end.writeUInt32LE(at, 16);
  return new Uint8Array(Buffer.concat([...parts, all, end]));
}
