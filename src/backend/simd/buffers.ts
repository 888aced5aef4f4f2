/** Where a recycled array may go again, and how much may wait for it. */
const MAX_BYTES = 256 * 2 ** 20;
/** Smaller arrays cost next to nothing to make. */
const MIN_LENGTH = 4096;

/**
 * Arrays to use again. Fresh memory costs more than most kernels: the system clears every page of it. An array goes in only
 * where nobody else can hold it; what `take` gives is not cleared.
 */
export class Buffers {
  readonly #waiting = new Map<number, Float32Array[]>();
  #bytes = 0;

  take(length: number): Float32Array {
    const found = this.#waiting.get(length)?.pop();
    if (found === undefined) return new Float32Array(length);
    this.#bytes -= found.byteLength;
    return found;
  }

  give(array: Float32Array): void {
    if (array.length < MIN_LENGTH || array.byteLength > MAX_BYTES) return;
    for (const [length, arrays] of this.#waiting) {
      if (this.#bytes + array.byteLength <= MAX_BYTES) break;
      this.#bytes -= length * 4 * arrays.length;
      this.#waiting.delete(length);
    }
    const same = this.#waiting.get(array.length) ?? [];
    // the sizes used last are the last to go
    this.#waiting.delete(array.length);
    this.#waiting.set(array.length, same);
    same.push(array);
    this.#bytes += array.byteLength;
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }
}
