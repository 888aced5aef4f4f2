import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ConvNextV2Error, didYouMean } from '../errors.js';

/** The path of a file that ships with the package, the same from the sources and from `dist`. */
export function packageFile(...parts: readonly string[]): string {
  return join(dirname(createRequire(import.meta.url).resolve('convnextv2/package.json')), ...parts);
}

/** The kinds of model that configs ship for: their folders. */
const KINDS = ['backbones', 'segmenters', 'detectors'] as const;
export type ShippedKind = (typeof KINDS)[number];

/** The names of the configs that ship with the package, as `convnextv2-atto`: of one kind, or of all. */
export function shippedConfigNames(...kinds: readonly ShippedKind[]): readonly string[] {
  return (kinds.length > 0 ? kinds : KINDS).flatMap((kind) =>
    readdirSync(packageFile('configs', kind))
      .filter((file) => file.endsWith('.json'))
      .map((file) => file.slice(0, -'.json'.length))
      .sort(),
  );
}

/** The file of a shipped config, of one of these kinds. An unknown name throws E_SOURCE. */
export function shippedConfigPath(name: string, ...kinds: readonly ShippedKind[]): string {
  const among = kinds.length > 0 ? kinds : KINDS;
  const kind = among.find((kind) => shippedConfigNames(kind).includes(name));
  if (kind) return packageFile('configs', kind, `${name}.json`);
  const names = shippedConfigNames(...among);
  throw new ConvNextV2Error('E_SOURCE', {
    path: 'config name',
    wanted: `one of ${names.join(', ')}`,
    got: JSON.stringify(name),
    suggestion: didYouMean(name, names),
  });
}
