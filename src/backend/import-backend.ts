import * as tf from '@tensorflow/tfjs-core';
import { ConvNextV2Error } from '../errors.js';

/** How a package is imported that may not be there: `import`, or a stand-in for it. */
export type Load = (name: string) => Promise<unknown>;

/**
 * The backend of this name, registered with tfjs by the first of these packages that can be imported, unless it is
 * registered already. Throws E_BACKEND with what each package lacks.
 */
export async function importBackend(
  backend: string,
  packages: readonly string[],
  load: Load,
): Promise<tf.KernelBackend> {
  const isRegistered = () => tf.engine().backendNames().includes(backend);
  if (!isRegistered()) {
    const name = await importFirst(backend, packages, load);
    if (!isRegistered()) throwOtherCopy(`a second one, with which ${name} registered its backend`);
  }
  return tf.findBackend(backend) ?? throwNotStarted(backend);
}

/** tfjs prints the reason and keeps it to itself. */
export function throwNotStarted(backend: string): never {
  throw backendError(backend, 'a backend that did not start', 'tfjs has printed why');
}

export function throwOtherCopy(got: string): never {
  const remedy = 'see npm ls @tensorflow/tfjs-core; what needs another is imported after useBackend';
  throw backendError('one copy of @tensorflow/tfjs-core, of version 4', got, remedy);
}

async function importFirst(backend: string, packages: readonly string[], load: Load): Promise<string> {
  const failures: Failure[] = [];
  for (const name of packages) {
    try {
      await load(name);
      return name;
    } catch (error) {
      failures.push(failureOf(name, error));
    }
  }
  const { remedy, cause } = failures.find(({ kind }) => kind === 'broken') ?? failures[failures.length - 1];
  throw backendError(backend, failures.map(({ text }) => text).join(', '), remedy, { cause });
}

interface Failure {
  readonly kind: 'missing' | 'broken';
  readonly text: string;
  readonly remedy: string;
  readonly cause: unknown;
}

function failureOf(name: string, cause: unknown): Failure {
  const { code, message } = cause instanceof Error ? (cause as NodeJS.ErrnoException) : { message: String(cause) };
  // a package that is there, but lacks one of its own dependencies, gives the same code with that other name
  const isMissing = (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && message.includes(`'${name}'`);
  return isMissing
    ? {
        kind: 'missing',
        text: `${name} is not installed`,
        remedy: `npm install ${name}@${tf.version_core}`,
        cause,
      }
    : {
        kind: 'broken',
        text: `${name} failed to load: ${message.split('\n', 1)[0].trim()}`,
        remedy: `let npm run its install script, then: npm rebuild ${name}`,
        cause,
      };
}

function backendError(wanted: string, got: string, suggestion: string, options?: ErrorOptions): ConvNextV2Error {
  return new ConvNextV2Error('E_BACKEND', { path: 'backend', wanted, got, suggestion }, options);
}
