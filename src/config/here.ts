import { existsSync } from 'node:fs';
import nodeModule from 'node:module';
import { fileURLToPath } from 'node:url';

// esbuild leaves import.meta empty in CommonJS; webpack writes there where this file was when the bundle was made
const url: string | undefined = import.meta.url;
const file = url === undefined ? __filename : fileURLToPath(url);

/** The path of this file, or of the bundle that contains it. */
export const HERE = existsSync(file) ? file : process.argv[1];

/** Finds packages and files from here. */
// not imported by name: programs bundled as ESM often begin with an import of `createRequire`, and two would clash
export const requireHere = nodeModule.createRequire(HERE);
