import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ConvNextV2Error, didYouMean } from '../errors.js';
import { HERE, requireHere } from './here.js';

/**
 * The path of a file that ships with the package, the same from the sources, from `dist` and from a bundle beside which the
 * package is installed. Throws E_PEER in a bundle without it.
 */
export function packageFile(...parts: readonly string[]): string {
  return join(dirname(findManifest(parts.join('/'))), ...parts);
}

function findManifest(file: string): string {
  try {
    return requireHere.resolve('convnextv2/package.json');
  } catch (cause) {
    throw new ConvNextV2Error(
      'E_PEER',
      {
        path: 'convnextv2',
        wanted: `the package convnextv2, for its file ${file}`,
        got: `none that ${HERE} can reach`,
        suggestion:
          'install convnextv2 beside the bundle, or copy its package.json and configs/ to node_modules/convnextv2 there',
      },
      { cause },
    );
  }
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
