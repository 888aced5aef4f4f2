import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import h5wasm from 'h5wasm';
import { type Hdf5Weights, hdf5With } from '../../src/weights/hdf5-reader.js';
import { openCheckpoint } from '../../src/weights/open-checkpoint.js';
import { mutate, random } from '../fuzz/mutate.js';
import { SEEDS } from '../fuzz/seeds.js';
import { failure, golden, inFolder, openFiles, PATIENCE, readBytes } from '../helpers.js';

type Group = InstanceType<typeof h5wasm.Group>;

/** The bytes of an HDF5 file. */
async function hdf5File(fill: (root: Group) => void): Promise<Uint8Array> {
  const { FS } = (await h5wasm.ready) as unknown as { FS: { readFile(name: string): Uint8Array } };
  const root = new h5wasm.File('made.h5', 'w');
  fill(root);
  root.close();
  return FS.readFile('made.h5');
}

/** A layer with weights: names, and the datasets of these. */
function addLayer(root: Group, layer: string, names: readonly string[], add: (group: Group) => void = () => {}): void {
  const group = root.create_group(layer);
  group.create_attribute('weight_names', [...names]);
  add(group);
}

const floats = { name: 'a:0', data: new Float32Array([1, 2, 3, 4, 5, 6]), shape: [2, 3] };

/** A model of one layer with one weight. */
const modelWith = (dataset: Parameters<Group['create_dataset']>[0]) =>
  hdf5File((root) => {
    root.create_attribute('layer_names', ['layer']);
    addLayer(root, 'layer', ['a:0'], (group) => group.create_dataset(dataset));
  });

const open = hdf5With(h5wasm as never);

async function read(file: Uint8Array): Promise<Hdf5Weights> {
  return (await open)({
    path: 'file',
    size: file.length,
    read(into, offset, length, position) {
      const part = file.subarray(position, position + length);
      into.set(part, offset);
      return part.length;
    },
  });
}

/** What the fuzzer makes of this seed. */
function mutant(seed: number): Uint8Array {
  const below = random(seed);
  const originals = SEEDS.h5();
  return mutate(originals[below(originals.length)], 'h5', below);
}

const refusal = async (file: Uint8Array | Promise<Uint8Array>) => failure(async () => read(await file));

describe('HDF5 weights', () => {
  it('are those that the layers name, as floats of 4 or 8 bytes', async () => {
    const file = await hdf5File((root) => {
      root.create_attribute('layer_names', ['one', 'none', 'two', 'three']);
      addLayer(root, 'one', ['a:0'], (group) => group.create_dataset(floats));
      addLayer(root, 'none', []);
      addLayer(root, 'two', ['b/c:0'], (group) => {
        group.create_group('b');
        group.create_dataset({ name: 'b/c:0', data: new Float64Array([0.5]), shape: [1] });
      });
      addLayer(root, 'three', ['d:0'], (group) =>
        group.create_dataset({ name: 'd:0', data: 7, dtype: '<f', shape: [] }),
      );
      root.create_dataset({ name: 'other', data: new Float32Array([9]) });
    });
    const { tensors, readValues } = await read(file);
    expect([...tensors]).to.deep.equal([
      ['a:0', { dtype: 'F32', shape: [2, 3] }],
      ['b/c:0', { dtype: 'F64', shape: [1] }],
      ['d:0', { dtype: 'F32', shape: [] }],
    ]);
    expect(readValues('a:0')).to.deep.equal(floats.data);
    expect(readValues('b/c:0')).to.deep.equal(new Float32Array([0.5]));
    expect(readValues('d:0')).to.deep.equal(new Float32Array([7]));
  });

  it('may lie in a group of the whole model, with lists of names in parts', async () => {
    const file = await hdf5File((root) => {
      const top = root.create_group('model_weights');
      top.create_attribute('layer_names0', ['one']);
      top.create_attribute('layer_names1', ['two']);
      for (const [layer, name] of [
        ['one', 'a:0'],
        ['two', 'b:0'],
      ])
        addLayer(top, layer, [name], (group) => group.create_dataset({ ...floats, name }));
    });
    expect([...(await read(file)).tensors.keys()]).to.deep.equal(['a:0', 'b:0']);
  });

  it('are named as unreadable where they are not plain floats in one piece', async () => {
    const reasonOf = async (file: Uint8Array) => [...(await read(file)).tensors.values()][0].unreadable;
    const made = (dataset: Partial<Parameters<Group['create_dataset']>[0]>) => modelWith({ ...floats, ...dataset });
    expect(await reasonOf(await made({ chunks: [1, 3] }))).to.equal('a chunked or compressed dataset');
    expect(await reasonOf(await made({ data: new Int32Array(6) }))).to.equal('a dataset of whole numbers of 4 bytes');
    // 40,000 bytes of zeros in a file of some 3,000
    const packed = await made({ data: new Float32Array(10_000), shape: [10_000], chunks: [10_000], compression: 9 });
    expect(packed.length).to.be.below(10_000);
    expect(await reasonOf(packed)).to.equal('a chunked or compressed dataset');
    const file = Buffer.from(await readBytes(golden('checkpoints', 'tf', 'tf_model.h5')));
    // the datatype of F32, in the first dataset: the lowest bit after its class is the order of bytes
    file[file.indexOf('\x11\x20\x1f\0\x04', 0, 'latin1') + 1] |= 1;
    expect(await reasonOf(file)).to.equal('a dataset of floats of 4 bytes, big-endian');
  });

  it('are refused where the lists do not fit the file', async () => {
    expect((await refusal(hdf5File(() => {}))).wanted).to.equal('layer_names, as Keras writes it');
    const lists = (layers: readonly string[], names: readonly string[], add?: (group: Group) => void) =>
      hdf5File((root) => {
        root.create_attribute('layer_names', [...layers]);
        addLayer(root, 'layer', names, add);
      });
    expect((await refusal(lists(['other'], []))).wanted).to.equal('a group "other"');
    expect((await refusal(lists(['layer'], ['a:0']))).wanted).to.equal('a dataset "a:0"');
    const twice = lists(['layer'], ['a:0', 'a:0'], (group) => group.create_dataset(floats));
    expect((await refusal(twice)).wanted).to.equal('each weight once');
    // 8,000 bytes under two names, in a file that has them once
    const shared = lists(['layer'], ['a:0', 'b:0', 'c:0'], (group) => {
      group.create_dataset({ name: 'a:0', data: new Float32Array(2000) });
      for (const name of ['b:0', 'c:0']) group.create_hard_link('/layer/a:0', name);
    });
    expect((await refusal(shared)).got).to.equal('"b:0" [2000] beyond');
    const file = Buffer.from(await readBytes(golden('checkpoints', 'tf', 'tf_model.h5'))).toString('latin1');
    const numbers = (...list: readonly bigint[]) => Buffer.from(new BigUint64Array(list).buffer).toString('latin1');
    // 2^64 values, of which the library's 64 bits show none, and none that are stored: place and size of the first kernel
    const none = file
      .replaceAll(numbers(4n, 4n, 3n, 3n), numbers(2n ** 32n, 2n ** 32n, 1n, 1n))
      .replace(numbers(0x3ef0n, 576n), numbers(2n ** 64n - 1n, 0n));
    expect((await refusal(Buffer.from(none, 'latin1'))).got).to.match(/\[4294967296,4294967296,1,1\] beyond$/);
  });

  it('are read beside others that cannot be', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'weights');
      const file = hdf5File((root) => {
        root.create_attribute('layer_names', ['layer']);
        addLayer(root, 'layer', ['a:0', 'step:0'], (group) => {
          group.create_dataset(floats);
          group.create_dataset({ name: 'step:0', data: new Int32Array([7]), shape: [1] });
        });
      });
      await writeFile(path, await file);
      const checkpoint = await openCheckpoint(path);
      expect(await checkpoint.readFloat32('a:0')).to.deep.equal(floats.data);
      const error = await failure(() => checkpoint.readFloat32('step:0'));
      expect([error.code, error.got]).to.deep.equal(['E_WEIGHTS', 'a dataset of whole numbers of 4 bytes']);
      await checkpoint.close();
    }));

  it('are given up where the library loops for ever over them', () =>
    inFolder(async (folder) => {
      await writeFile(join(folder, 'weights'), mutant(500045));
      const error = await failure(() => openCheckpoint(join(folder, 'weights')));
      expect([error.code, error.got]).to.deep.equal(['E_HDF5', 'one that takes more than 10000 ms']);
      expect(await openFiles(folder)).to.equal(0);
    }));

  it('make the library take little more memory than the file is large', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'weights');
      const large = { ...floats, data: new Float32Array(20_000_000).fill(7), shape: [20_000_000] };
      await writeFile(path, await modelWith(large));
      const checkpoint = await openCheckpoint(path);
      expect((await checkpoint.readFloat32('a:0')).at(-1)).to.equal(7);
      await checkpoint.close();
      await writeFile(path, mutant(347536)); // one that has it ask for 1.3 GB
      const forget = await writeFile('/proc/self/clear_refs', '5').catch(() => 'not on Linux');
      const before = process.memoryUsage().rss;
      expect((await failure(() => openCheckpoint(path))).code).to.equal('E_HDF5');
      if (forget === 'not on Linux') return;
      const [, most] = /VmHWM:\s+(\d+) kB/.exec(await readFile('/proc/self/status', 'utf8'))!; // since it was cleared
      expect((1024 * Number(most) - before) / 2 ** 20).to.be.at.most(300);
    }));

  it('let a process end that does not close them', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'weights');
      await writeFile(path, await modelWith(floats));
      const source = new URL('../../src/weights/open-checkpoint.ts', import.meta.url);
      const program = `const { openCheckpoint } = await import('${source}');
        console.log((await openCheckpoint(${JSON.stringify(path)})).tensors.size);`;
      const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', program];
      const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: PATIENCE });
      expect(stdout).to.equal('1\n');
    }));

  it('are read one after the other, in a worker that ends with the checkpoint', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'weights');
      await writeFile(path, await modelWith(floats));
      const checkpoint = await openCheckpoint(path);
      const [first, second] = await Promise.all([checkpoint.readFloat32('a:0'), checkpoint.readFloat32('a:0')]);
      expect([first, second]).to.deep.equal([floats.data, floats.data]);
      const unknown = await failure(() => checkpoint.readFloat32('a:1'));
      expect([unknown.code, unknown.suggestion]).to.deep.equal(['E_ARGUMENT', 'did you mean "a:0"?']);
      await checkpoint.close();
      expect(await openFiles(folder)).to.equal(0);
    }));
});
