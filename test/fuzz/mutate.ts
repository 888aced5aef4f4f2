/** A generator of whole numbers below a limit; the same seed gives the same ones (mulberry32). */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return Math.floor((((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Numbers that programs stumble over, as little-endian bytes. */
const ODD_NUMBERS: readonly (readonly number[])[] = [
  [0],
  [0xff],
  [0x7f],
  [0xff, 0xff],
  [0, 0, 0, 0],
  [0xff, 0xff, 0xff, 0xff],
  [0xff, 0xff, 0xff, 0x7f],
  [0, 0, 0, 0x40],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
  [0, 0, 0, 0, 1, 0, 0, 0],
];

/** A copy with one to four changes: bits, bytes, odd numbers, parts cut out, doubled, moved, or the end cut off. */
export function mutate(bytes: Uint8Array, below: (limit: number) => number): Uint8Array {
  let mutant: Uint8Array = Uint8Array.from(bytes);
  for (let changes = 1 + below(4); changes > 0 && mutant.length > 0; changes--) {
    const at = below(mutant.length);
    const length = Math.min(1 + below(32), mutant.length - at);
    switch (below(8)) {
      case 0:
        mutant[at] ^= 1 << below(8);
        break;
      case 1:
        mutant[at] = below(256);
        break;
      case 2:
      case 3: {
        const odd = ODD_NUMBERS[below(ODD_NUMBERS.length)];
        mutant.set(odd.slice(0, mutant.length - at), at);
        break;
      }
      case 4:
        mutant = joined(mutant.subarray(0, at), mutant.subarray(at + length));
        break;
      case 5:
        mutant = joined(mutant.subarray(0, at + length), mutant.subarray(at));
        break;
      case 6:
        mutant.copyWithin(below(mutant.length), at, at + length);
        break;
      default:
        if (below(8) === 0) mutant = mutant.slice(0, at);
        else mutant[at] ^= 0x80;
    }
  }
  return mutant;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
