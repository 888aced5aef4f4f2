import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseJson } from '../../src/config/read-json.js';
import { ConvNextV2Backbone, ConvNextV2Config, useBackend } from '../../src/index.js';
import { parseHeader } from '../../src/weights/safetensors.js';
import { random } from '../fuzz/mutate.js';
import { inFolder, PATIENCE } from '../helpers.js';
import { type HubServer, sha256, startHub } from '../weights/hub/server.js';
import { words } from './helpers.js';

/** How often each is killed; a hundred times by hand. */
const KILLS = Number(process.env.CONVNEXTV2_KILLS ?? 3);

/** Runs the command line, and kills it after so many milliseconds. */
function kill(args: readonly string[], cwd: string, milliseconds: number, env = process.env): Promise<number | null> {
  const [command, ...rest] = words(args);
  const child = spawn(command, rest, { cwd, stdio: 'ignore', env });
  const timer = setTimeout(() => child.kill('SIGKILL'), milliseconds);
  return new Promise((resolve) => {
    child.on('exit', (code) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
}

describe('killed at any moment', () => {
  const below = random(1);

  it('a conversion leaves whole files, or none, and the next one completes', () =>
    inFolder(async (folder) => {
      await useBackend('cpu');
      const config = new ConvNextV2Config({ depths: [2, 2, 6, 2], hiddenSizes: [80, 160, 320, 640] });
      const backbone = await ConvNextV2Backbone.fromConfig(config, { seed: 1 });
      await backbone.savePretrained(join(folder, 'source'));
      backbone.dispose();
      const args = ['convert', 'source', '--to', 'target', '--dtype', 'bf16'];
      const start = performance.now();
      expect(await kill(args, folder, PATIENCE)).to.equal(0);
      const whole = performance.now() - start;
      rmSync(join(folder, 'target'), { recursive: true });
      for (let i = 0; i < KILLS; i++) {
        await kill(args, folder, whole * (0.3 + below(800) / 1000));
        const weights = join(folder, 'target', 'model.safetensors');
        if (existsSync(weights)) {
          const bytes = readFileSync(weights);
          parseHeader(bytes, bytes.length, weights);
        }
        for (const name of ['config.json', 'preprocessor_config.json']) {
          const file = join(folder, 'target', name);
          if (existsSync(file)) parseJson(readFileSync(file, 'utf8'), file);
        }
        if (below(2) === 0) rmSync(join(folder, 'target'), { recursive: true, force: true });
      }
      expect(await kill(args, folder, PATIENCE)).to.equal(0);
    }));

  it('a download leaves the whole file, or none, and the next one completes', () =>
    inFolder(async (folder) => {
      const weights = new Uint8Array(4 * 2 ** 20).map(() => below(256));
      const server: HubServer = await startHub({
        'config.json': Buffer.from('{"model_type": "convnextv2"}'),
        'model.safetensors': weights,
      });
      const env = { ...process.env, HF_ENDPOINT: server.endpoint };
      server.misbehave((request, response) => {
        if (!request.url!.startsWith('/large/')) return false;
        const begin = Number(/\d+/.exec(request.headers.range ?? '0')![0]);
        const rest = weights.subarray(begin);
        response.writeHead(begin === 0 ? 200 : 206, {
          'content-length': rest.length,
          'content-range': `bytes ${begin}-${weights.length - 1}/${weights.length}`,
        });
        let at = 0;
        const drip = () => {
          response.write(rest.subarray(at, at + 2 ** 18));
          at += 2 ** 18;
          if (at < rest.length) setTimeout(drip, 30);
          else response.end();
        };
        drip();
        return true;
      });
      const args = ['download', 'a/model', '--cache-dir', 'cache'];
      const blobs = join(folder, 'cache', 'models--a--model', 'blobs');
      const blob = join(blobs, sha256(weights));
      for (let i = 0; i < KILLS; i++) {
        // as if the ten seconds had passed after which the lock of a killed process counts no more
        rmSync(join(folder, 'cache', '.locks'), { recursive: true, force: true });
        await kill(args, folder, 400 + below(900), env);
        if (!existsSync(blob)) continue;
        expect(sha256(readFileSync(blob))).to.equal(sha256(weights));
        rmSync(blob);
        if (below(2) === 0) rmSync(join(folder, 'cache'), { recursive: true, force: true });
      }
      await kill(args, folder, PATIENCE, env); // its weights are noise, and refused once they are there
      expect(sha256(readFileSync(blob))).to.equal(sha256(weights));
      expect(readdirSync(blobs).filter((name) => name.endsWith('partial'))).to.deep.equal([]);
      await server.close();
    }));
});
