import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ConvNextV2Error, didYouMean } from '../errors.js';

/** The path of a file that ships with the package, the same from the sources and from `dist`. */
export function packageFile(...parts: readonly string[]): string {
  return join(dirname(createRequire(import.meta.url).resolve('convnextv2/package.json')), ...parts);
}

/** The names of the backbone configs that ship with the package, as `convnextv2-atto`. */
export function shippedConfigNames(): readonly string[] {
  return readdirSync(packageFile('configs', 'backbones'))
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
}

/** The file of a shipped config. An unknown name throws E_SOURCE. */
export function shippedConfigPath(name: string): string {
  const names = shippedConfigNames();
  if (names.includes(name)) return packageFile('configs', 'backbones', `${name}.json`);
  throw new ConvNextV2Error('E_SOURCE', {
    path: 'config name',
    wanted: `one of ${names.join(', ')}`,
    got: JSON.stringify(name),
    suggestion: didYouMean(name, names),
  });
}
