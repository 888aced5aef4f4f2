import { ConvNextV2Error, show } from '../errors.js';

/** Numbers in [0, 1). */
export type Random = () => number;

/** A seeded source of random numbers: sfc32 (Chris Doty-Humphrey's PractRand), seeded from a whole number and a name. Throws E_ARGUMENT. */
export function createRandom(seed: number, name = ''): Random {
  if (!Number.isSafeInteger(seed)) {
    throw new ConvNextV2Error('E_ARGUMENT', { path: 'seed', wanted: 'a whole number', got: show(seed) });
  }
  let [a, b, c, counter] = [0x9e3779b9, seed | 0, Math.floor(seed / 2 ** 32) | 0, 1];
  for (let i = 0; i < name.length; i++) a = Math.imul(a ^ name.charCodeAt(i), 0x01000193);
  const next = () => {
    const sum = (a + b + counter++) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 15; i++) next();
  return next;
}

/** A seed for whoever asked for none. */
export const anySeed = (): number => Math.floor(Math.random() * 2 ** 32);

/** Draws from the normal distribution with mean 0 and this deviation, in pairs by Box and Muller's polar method. */
export function createNormal(random: Random, deviation: number): Random {
  let spare: number | undefined;
  return () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    let u: number;
    let v: number;
    let s: number;
    do {
      u = 2 * random() - 1;
      v = 2 * random() - 1;
      s = u * u + v * v;
    } while (s >= 1 || s === 0);
    const scale = deviation * Math.sqrt((-2 * Math.log(s)) / s);
    spare = v * scale;
    return u * scale;
  };
}
