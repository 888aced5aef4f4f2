import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { AdamW, ConvNextV2Backbone, ConvNextV2Config, useBackend } from '../../src/index.js';
import { ConvNextV2Net, DetectorNet, toNetInput } from '../../src/tirb/index.js';
import { isManifestUrl } from '../../src/tirb/manifest.js';
import { failure, inFolder } from '../helpers.js';

const config = new ConvNextV2Config({ depths: [1, 1], hiddenSizes: [2, 3], numStages: 2 });
const WEIGHT = 'encoder/stages/1/downsampling_layer/1/weight';

async function filled(): Promise<ConvNextV2Net> {
  const net = new ConvNextV2Net({ config });
  const backbone = await ConvNextV2Backbone.fromConfig(config, { seed: 1 });
  net.extractWeights(flat(backbone));
  backbone.dispose();
  return net;
}

/** All values of a model, in the layout of tfjs. */
function flat({ parameters }: ConvNextV2Backbone): Float32Array {
  return Float32Array.from([...parameters.values()].flatMap(({ variable }) => [...variable.dataSync()]));
}

describe('a model as a NeuralNetwork', () => {
  let numTensors: number;
  before(() => useBackend('cpu'));
  beforeEach(() => {
    numTensors = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors).to.equal(numTensors);
  });

  it('holds its parameters by path, in the layout of tfjs', async () => {
    const net = await filled();
    const list = net.getParamList();
    expect(list).to.have.length(net.model.parameters.size);
    expect(net.paramMappings.map(({ paramPath }) => paramPath)).to.deep.equal(list.map(({ path }) => path));
    // [height, width, in, out], in the checkpoint [3, 2, 2, 2]
    expect(net.getParamFromPath(WEIGHT).shape).to.deep.equal([2, 2, 2, 3]);
    const tree: any = net.params;
    expect(tree.encoder.stages['1'].downsampling_layer['1'].weight).to.equal(net.getParamFromPath(WEIGHT));
    const wrong = await failure(() => net.getParamFromPath('encoder/stages/1/downsampling_layer/1/wieght'));
    expect([wrong.code, wrong.suggestion]).to.deep.equal(['E_ARGUMENT', `did you mean "${WEIGHT}"?`]);
    net.dispose();
  });

  it('gives and takes all weights in one array', async () => {
    const net = await filled();
    const weights = net.serializeParams();
    const other = new ConvNextV2Net({ config });
    await other.load(weights);
    expect(other.serializeParams()).to.deep.equal(weights);
    weights.fill(0);
    expect(other.serializeParams()).not.to.deep.equal(weights); // it has its own
    const [first] = other.getParamList();
    expect([...first.tensor.dataSync()]).to.deep.equal([...net.serializeParams().subarray(0, first.tensor.size)]);
    const wrong = await failure(() => other.load(weights.subarray(1)));
    expect([wrong.code, wrong.wanted]).to.deep.equal(['E_WEIGHTS', `a Float32Array of ${weights.length}`]);
    expect((await failure(() => other.extractWeights([] as any))).code).to.equal('E_WEIGHTS');
    expect(other.isLoaded).to.equal(true); // what was there stays
    net.dispose();
    other.dispose();
  });

  it('loads again in place of what it holds, and after it was disposed', async () => {
    const net = await filled();
    const held = tf.memory().numTensors;
    const weights = net.serializeParams();
    net.extractWeights(weights.map((value) => 2 * value));
    expect(tf.memory().numTensors).to.equal(held);
    expect([...net.serializeParams()]).to.deep.equal(Array.from(weights, (value) => 2 * value));
    net.dispose();
    expect([net.isLoaded, net.params, net.getParamList()]).to.deep.equal([false, undefined, []]);
    expect((await failure(() => net.dispose())).code).to.equal('E_DISPOSED');
    net.dispose(false);
    expect((await failure(() => net.serializeParams())).code).to.equal('E_DISPOSED');
    net.extractWeights(weights);
    expect(net.serializeParams()).to.deep.equal(weights);
    net.dispose();
  });

  it('is frozen and trained', async () => {
    const net = await filled();
    const count = net.getParamList().length;
    const shapes = net.getParamList().map(({ tensor }) => tensor.shape);
    expect([net.getTrainableParams().length, net.getFrozenParams().length]).to.deep.equal([count, 0]);
    net.freeze();
    expect([net.getTrainableParams().length, net.getFrozenParams().length]).to.deep.equal([0, count]);
    expect(net.getParamList().map(({ tensor }) => tensor.shape)).to.deep.equal(shapes);
    const picture = tf.fill([8, 8, 3], 100) as tf.Tensor3D;
    tf.dispose(await net.forward(picture, 8)); // runs as before
    net.variable();
    expect(net.getTrainableParams()).to.have.length(count);

    const before = net.serializeParams();
    const optimizer = new AdamW([{ parameters: net.model.parameters.values() }], { learningRate: 0.1 });
    const input = await toNetInput(picture);
    optimizer.step(() => tf.mean(tf.square(net.forwardInput(input, 8).stage2)));
    expect(net.serializeParams()).not.to.deep.equal(before);
    optimizer.dispose();
    picture.dispose();
    net.dispose();
  });

  it('takes a parameter over', async () => {
    const net = await filled();
    net.reassignParamFromPath(WEIGHT, tf.fill([2, 2, 2, 3], 7));
    expect([...net.getParamFromPath(WEIGHT).dataSync()]).to.deep.equal(Array(24).fill(7));
    const gone = tf.fill([2, 2, 2, 3], 8);
    gone.dispose();
    expect((await failure(() => net.reassignParamFromPath(WEIGHT, gone))).got).to.equal('no tensor');
    const wrong = tf.zeros([3, 2, 2, 2]);
    const refusal = await failure(() => net.reassignParamFromPath(WEIGHT, wrong));
    expect([refusal.code, refusal.wanted, refusal.got]).to.deep.equal([
      'E_WEIGHTS',
      'float32 [2,2,2,3]',
      'float32 [3,2,2,2]',
    ]);
    wrong.dispose();
    net.dispose();
  });

  it('takes a map of weights, by path or by name', async () => {
    const net = await filled();
    const weights = net.serializeParams();
    const copies = (rename: (path: string) => string) =>
      Object.fromEntries(net.getParamList().map(({ path, tensor }) => [rename(path), tf.clone(tensor)]));
    const other = new ConvNextV2Net({ config });
    other.loadFromWeightMap(copies((path) => path));
    expect(other.serializeParams()).to.deep.equal(weights);
    other.loadFromWeightMap(copies((path) => path.replaceAll('/', '.')));
    expect(other.serializeParams()).to.deep.equal(weights);

    const map = copies((path) => (path === WEIGHT ? `${path}s` : path));
    const first = Object.keys(map)[0];
    map[first].dispose();
    map[first] = tf.zeros([1]);
    const [, second] = Object.keys(map);
    const same = map[second];
    map[second] = tf.tidy(() => tf.add(same, 1)); // which fits
    same.dispose();
    const refusal = await failure(() => other.loadFromWeightMap(map));
    expect(refusal.problems.map(({ path, got, suggestion }) => [path, got, suggestion])).to.deep.equal([
      [first, 'float32 [1]', undefined],
      [WEIGHT, 'no tensor', `did you mean "${WEIGHT}s"?`],
    ]);
    expect(Object.values(map).every(({ isDisposed }) => !isDisposed)).to.equal(true); // not taken, so still the caller's
    expect(other.serializeParams()).to.deep.equal(weights);
    expect((await failure(() => other.loadFromWeightMap(undefined as any))).code).to.equal('E_WEIGHTS');
    tf.dispose(map);
    net.dispose();
    other.dispose();
  });

  /** A weights manifest of tfjs in two shards, as it is made for tfjs-image-recognition-base. */
  async function writeManifest(net: ConvNextV2Net, folder: string) {
    const map = Object.fromEntries(net.getParamList().map(({ path, tensor }) => [path, tensor]));
    const { data, specs } = await tf.io.encodeWeights(map);
    mkdirSync(folder, { recursive: true });
    const bytes = new Uint8Array(data);
    writeFileSync(join(folder, 'convnextv2-shard1'), bytes.subarray(0, 100));
    writeFileSync(join(folder, 'convnextv2-shard2'), bytes.subarray(100));
    const manifest = [{ paths: ['convnextv2-shard1', 'convnextv2-shard2'], weights: specs }];
    writeFileSync(join(folder, 'convnextv2-weights_manifest.json'), JSON.stringify(manifest));
    return manifest;
  }

  it('loads a manifest of weights from a folder, by its file, and by URL', async () => {
    const net = await filled();
    const weights = net.serializeParams();
    await inFolder(async (folder) => {
      const manifest = await writeManifest(net, folder);
      const server = createServer(({ url }, response) => {
        const { pathname, search } = new URL(url!, 'http://localhost');
        try {
          if (pathname.startsWith('/signed') && search !== '?key=1') throw new Error('no key');
          response.end(readFileSync(join(folder, pathname.replace(/\/(models|signed)/, ''))));
        } catch {
          response.writeHead(404).end();
        }
      });
      server.unref();
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const other = new ConvNextV2Net({ config });
      const file = 'convnextv2-weights_manifest.json';
      const ways = [
        () => other.loadFromDisk(folder),
        () => other.loadFromDisk(join(folder, file)),
        () => other.loadFromUri(`${origin}/models`),
        () => other.load(`${origin}/models/${file}`),
        () => other.load(`${origin}/models/`),
        () => other.load(new URL(origin)),
        () => other.load(`${origin}/signed?key=1`),
        () => other.load(`${origin}/signed/${file}?key=1#part`),
      ];
      for (const [i, way] of ways.entries()) {
        await way();
        expect(other.serializeParams(), `way ${i}`).to.deep.equal(weights);
        other.dispose();
      }
      expect((await failure(() => other.loadFromUri(`${origin}/nothing`))).code).to.equal('E_NETWORK');
      expect(isManifestUrl(new URL('file:///models'))).to.equal(false);
      const wider = new ConvNextV2Net({ config: config.with({ hiddenSizes: [2, 4] }) });
      expect((await failure(() => wider.loadFromDisk(folder))).code).to.equal('E_WEIGHTS');
      const backbone = await ConvNextV2Backbone.fromConfig(config, { seed: 1 });
      await backbone.savePretrained(join(folder, 'model'));
      backbone.dispose();
      const own = new ConvNextV2Net();
      await own.load(join(folder, 'model'));
      const bare = await failure(() => own.loadFromDisk(join(folder, 'model', 'config.json')));
      expect([bare.code, bare.got]).to.deep.equal(['E_SOURCE', 'a config alone']);
      await own.loadFromDisk(join(folder, 'model'));
      expect(own.serializeParams()).to.deep.equal(weights);
      own.dispose();
      const alone = await failure(() => other.loadFromDisk(join(folder, 'model', 'config.json')));
      expect([alone.code, alone.got]).to.deep.equal(['E_SOURCE', 'a config alone']);

      appendFileSync(join(folder, 'convnextv2-shard2'), 'more');
      expect((await failure(() => other.load(`${origin}/models`))).code).to.equal('E_WEIGHTS');
      appendFileSync(join(folder, 'convnextv2-shard2'), new Uint8Array(4 * weights.length));
      expect((await failure(() => other.load(`${origin}/models`))).code).to.equal('E_LIMIT');
      writeFileSync(join(folder, 'convnextv2-shard2'), new Uint8Array(3));
      expect((await failure(() => other.loadFromDisk(folder))).code).to.equal('E_WEIGHTS');
      for (const hostile of ['../secret', '/etc/hostname']) {
        writeFileSync(join(folder, file), JSON.stringify([{ ...manifest[0], paths: [hostile] }]));
        expect((await failure(() => other.loadFromDisk(folder))).code).to.equal('E_CONFIG');
      }
      writeFileSync(join(folder, file), '[{');
      expect((await failure(() => other.load(`${origin}/models`))).code).to.equal('E_JSON');
      server.closeAllConnections();
      server.close();
    });
    net.dispose();
  });

  it('says what is no config', async () => {
    for (const config of [{ depths: [1] }, null, 'convnextv2-atto'] as any[]) {
      expect((await failure(() => new ConvNextV2Net({ config }))).message).to.match(
        /^E_ARGUMENT: config: wanted a ConvNextV2Config/,
      );
      expect((await failure(() => new DetectorNet({ config }))).message).to.match(
        /^E_ARGUMENT: config: wanted a detector's config/,
      );
    }
  });

  it('says what is no source', async () => {
    const net = new ConvNextV2Net();
    for (const source of [undefined, '', 3 as any]) {
      expect((await failure(() => net.load(source))).code).to.equal('E_ARGUMENT');
      expect((await failure(() => net.loadFromDisk(source))).code).to.equal('E_ARGUMENT');
    }
    expect((await failure(() => net.load('convnextv2-atom'))).suggestion).to.equal('did you mean "convnextv2-atto"?');
    expect(net.isLoaded).to.equal(false);
  });
});
