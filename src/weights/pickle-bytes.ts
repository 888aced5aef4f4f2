import { ConvNextV2Error } from '../errors.js';

/** About what values of a pickle take in memory, in bytes. */
export const COST = { slot: 16, list: 64, map: 256, entry: 48, object: 128 };

/** Integers of more bytes than this are no numbers of a checkpoint. */
const MAX_INTEGER_BYTES = 64;

/** The bytes of a pickle, read from the front: operations, and what follows them. */
export class PickleBytes {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #path: string;
  readonly #spend: (cost: number) => void;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #at: number;

  /** From `at` on; `path` is for messages, `spend` is told what memory is taken. */
  constructor(bytes: Uint8Array, at: number, path: string, spend: (cost: number) => void) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
    this.#path = path;
    this.#spend = spend;
  }

  /** Where the next byte is. */
  get at(): number {
    return this.#at;
  }

  /** Throws E_PICKLE; `at` is where the fault is. */
  fail(wanted: string, got: string, suggestion?: string, at = this.#at): never {
    throw new ConvNextV2Error('E_PICKLE', { path: `${this.#path}: byte ${at}`, wanted, got, suggestion });
  }

  /** Skips a number of bytes, and returns the offset of the first. */
  #take(length: number): number {
    const left = this.#bytes.length - this.#at;
    if (length > left) this.fail(`${length} bytes more`, `${left} to the end`, 'it is cut short');
    this.#at += length;
    return this.#at - length;
  }

  /** A little-endian unsigned integer of a given number of bytes. */
  unsigned(size: 1 | 2 | 4 | 8): number {
    const start = this.#take(size);
    if (size === 1) return this.#view.getUint8(start);
    if (size === 2) return this.#view.getUint16(start, true);
    const low = this.#view.getUint32(start, true);
    return size === 4 ? low : low + this.#view.getUint32(start + 4, true) * 2 ** 32;
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  /** The high byte first. */
  float64(): number {
    return this.#view.getFloat64(this.#take(8), false);
  }

  text(length: number): string {
    const start = this.#take(length);
    this.#spend(COST.entry + 2 * length);
    try {
      return this.#decoder.decode(this.#bytes.subarray(start, this.#at));
    } catch {
      return this.fail('text in UTF-8', 'bytes that are not UTF-8');
    }
  }

  line(): string {
    const end = this.#bytes.indexOf(10, this.#at);
    if (end < 0) this.fail('a line', 'the end', 'it is cut short');
    const text = this.text(end - this.#at);
    this.#at++;
    return text;
  }

  /** A copy. */
  bytes(length: number): Uint8Array {
    const start = this.#take(length);
    this.#spend(COST.object + length);
    return this.#bytes.slice(start, this.#at);
  }

  /** A whole number in two's complement, the low byte first. */
  integer(length: number): number | bigint {
    if (length > MAX_INTEGER_BYTES) this.fail(`a number of at most ${MAX_INTEGER_BYTES} bytes`, `one of ${length}`);
    const start = this.#take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.#bytes[start + i]);
    if (length > 0 && this.#bytes[this.#at - 1] >= 128) value -= 1n << BigInt(8 * length);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
}
