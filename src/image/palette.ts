import type { Colour } from './label-png.js';

/** Degrees between one hue of a shade and the next: the golden angle, by which no two of many come to lie close together. */
const GOLDEN_ANGLE = 137.508;
/** The shades take turns, each a quarter of the circle on. */
const SHADES: readonly (readonly [saturation: number, value: number])[] = [
  [0.75, 0.95],
  [0.55, 0.75],
  [0.9, 0.6],
  [0.4, 1],
];

/** So many colours that can be told apart, each index always the same one. */
export function classColours(count: number): readonly Colour[] {
  return Array.from({ length: count }, (_, i) => {
    const shade = i % SHADES.length;
    const hue = Math.floor(i / SHADES.length) * GOLDEN_ANGLE + (shade * 360) / SHADES.length;
    return fromHsv(hue % 360, ...SHADES[shade]);
  });
}

function fromHsv(hue: number, saturation: number, value: number): Colour {
  const channel = (n: number) => {
    const k = (n + hue / 60) % 6;
    return Math.round(255 * value * (1 - saturation * Math.max(0, Math.min(k, 4 - k, 1))));
  };
  return [channel(5), channel(3), channel(1)];
}
