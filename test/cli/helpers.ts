import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { ConvNextV2Backbone, ConvNextV2Config, useBackend } from '../../src/index.js';
import { PATIENCE } from '../helpers.js';

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  /** Lines of stderr. */
  readonly stderr: readonly string[];
}

/** As built: the sources take three times as long to start, and these tests start many. */
const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

export const PICTURES = fileURLToPath(new URL('../../examples/pictures', import.meta.url));

/** The words of the command line, as a process: `command` may be given to a shell. */
export const words = (args: readonly string[]): readonly string[] => [process.execPath, MAIN, ...args];

/** Runs the command line as a process of its own, in a folder. */
export function convnextv2(args: readonly string[], cwd: string, input?: Uint8Array): Promise<Finished> {
  const [command, ...rest] = words(args);
  return new Promise((resolve) => {
    const child = execFile(command, rest, { cwd, timeout: PATIENCE }, (error, stdout, stderr) => {
      const code = error ? Number(error.code ?? -1) : 0;
      resolve({ code, stdout, stderr: stderr.split('\n').filter((line) => line !== '') });
    });
    child.stdin?.on('error', () => {}); // where it ends without reading
    child.stdin?.end(input);
  });
}

/** Where the tests of a suite work: a new folder with a model in `tiny` and pictures, removed at the end. */
export function workFolder(): { readonly path: string; readonly files: () => readonly string[] } {
  const path = mkdtempSync(join(tmpdir(), 'convnextv2-cli-'));
  before(async () => {
    await useBackend('cpu');
    const config = new ConvNextV2Config({ depths: [1, 1, 1, 1], hiddenSizes: [4, 5, 6, 7], imageSize: 64 });
    const backbone = await ConvNextV2Backbone.fromConfig(config, { seed: 1 });
    await backbone.savePretrained(join(path, 'tiny'));
    backbone.dispose();
    cpSync(PICTURES, path, { recursive: true });
  });
  after(() => rmSync(path, { recursive: true }));
  return { path, files: () => readdirSync(path, { recursive: true, encoding: 'utf8' }).sort() };
}

/** Checks that a run failed with one error on one line, and nothing on stdout. */
export function expectFailure(finished: Finished, code: number, message: string | RegExp): void {
  expect(finished.stdout).to.equal('');
  expect(finished.stderr.filter((line) => !line.includes(': ready in '))).to.have.length(1);
  expect(finished.stderr.at(-1)).to.match(typeof message === 'string' ? new RegExp(`^${message}`) : message);
  expect(finished.code).to.equal(code);
}
