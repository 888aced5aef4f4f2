/** Smaller arrays cost next to nothing to make. */
const MIN_LENGTH = 4096;

/**
 * How much more may wait and be in use together than was once in use at the same time. With none to spare, a training step, whose
 * way back needs other sizes than its way forth, throws away arrays that it is about to need.
 */
const SLACK = 1.125;

/**
 * Arrays to use again. Fresh memory costs more than most kernels: the system clears every page of it. What waits here and
 * what is in use are together bounded by what was once in use at the same time. What `take` gives is not cleared.
 */
export class Buffers {
  readonly #make: (length: number) => Float32Array;
  readonly #waiting = new Map<number, Float32Array[]>();
  #waitingBytes = 0;
  #usedBytes = 0;
  #mostUsedBytes = 0;

  constructor(make = (length: number): Float32Array => new Float32Array(length)) {
    this.#make = make;
  }

  take(length: number): Float32Array {
    const found = this.#waiting.get(length)?.pop();
    const bytes = 4 * length;
    if (found) this.#waitingBytes -= bytes;
    this.#usedBytes += bytes;
    this.#mostUsedBytes = Math.max(this.#mostUsedBytes, this.#usedBytes);
    if (!found) this.#makeRoom(0);
    return found ?? this.#make(length);
  }

  /** Takes back an array of `take` that nobody else can hold. */
  give(array: Float32Array): void {
    this.forget(array);
    if (array.length < MIN_LENGTH) return;
    this.#makeRoom(array.byteLength);
    const same = this.#waiting.get(array.length) ?? [];
    // the sizes used last are the last to go
    this.#waiting.delete(array.length);
    this.#waiting.set(array.length, same);
    same.push(array);
    this.#waitingBytes += array.byteLength;
  }

  /** An array of `take` is somebody else's now. */
  forget(array: Float32Array): void {
    this.#usedBytes -= array.byteLength;
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#waitingBytes;
  }

  #makeRoom(bytes: number): void {
    for (const [length, arrays] of this.#waiting) {
      while (arrays.length > 0 && this.#usedBytes + this.#waitingBytes + bytes > SLACK * this.#mostUsedBytes) {
        arrays.pop();
        this.#waitingBytes -= 4 * length;
      }
      if (arrays.length > 0) return;
      this.#waiting.delete(length);
    }
  }
}
