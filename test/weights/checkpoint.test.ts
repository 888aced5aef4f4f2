import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { openSafetensors, openShardedSafetensors, readSafetensors } from '../../src/weights/checkpoint.js';
import { failure, golden, inFolder, openFiles, readBytes, safetensorsFile } from '../helpers.js';

const X = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };

function fileWith(name: string, ...values: readonly number[]): Uint8Array {
  const data = new Uint8Array(new Float32Array(values).buffer);
  return safetensorsFile({ [name]: { dtype: 'F32', shape: [values.length], data_offsets: [0, data.length] } }, data);
}

describe('openSafetensors', () => {
  it('reads tensors in any order, each into an array of its own', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'model.safetensors');
      const header = {
        a: { dtype: 'F32', shape: [1, 3], data_offsets: [0, 12] },
        b: { dtype: 'I64', shape: [2], data_offsets: [12, 28] },
        c: { dtype: 'F16', shape: [], data_offsets: [28, 30] },
        d: { dtype: 'F32', shape: [0], data_offsets: [30, 30] },
      };
      const parts = [new Float32Array([1.5, -2, 3]), new BigInt64Array([7n, -8n]), new Uint16Array([0x3c00])];
      await writeFile(path, safetensorsFile(header, Buffer.concat(parts.map(({ buffer }) => new Uint8Array(buffer)))));
      const checkpoint = await openSafetensors(path);
      expect(checkpoint.path).to.equal(path);
      expect([...checkpoint.tensors.keys()]).to.deep.equal(['a', 'b', 'c', 'd']);
      expect(checkpoint.tensors.get('a'))
        .to.include({ dtype: 'F32' })
        .and.deep.include({ shape: [1, 3] });
      expect(await checkpoint.readFloat32('c')).to.deep.equal(new Float32Array([1]));
      expect(await checkpoint.readFloat32('b')).to.deep.equal(new Float32Array([7, -8]));
      expect(await checkpoint.readFloat32('d')).to.deep.equal(new Float32Array());
      const a = await checkpoint.readFloat32('a');
      expect(a).to.deep.equal(new Float32Array([1.5, -2, 3]));
      expect(a.buffer.byteLength).to.equal(12);
      a.fill(0);
      expect(await checkpoint.readFloat32('a')).to.deep.equal(new Float32Array([1.5, -2, 3]));
      await checkpoint.close();
    }));

  it('reads half, double and single files of one model alike', async () => {
    const single = await openSafetensors(golden('checkpoints', 'hf', 'model.safetensors'));
    for (const [file, error] of [
      ['hf-fp64', 0],
      ['hf-fp16', 2 ** -11],
      ['hf-bf16', 2 ** -8],
    ] as const) {
      const other = await openSafetensors(golden('checkpoints', `${file}.safetensors`));
      expect([...other.tensors.keys()]).to.deep.equal([...single.tensors.keys()]);
      for (const name of single.tensors.keys()) {
        const [got, want] = [await other.readFloat32(name), await single.readFloat32(name)];
        // relative to the number, or to 2^-13, below which halves are 2^-24 apart
        const worst = Math.max(...got.map((value, i) => Math.abs(value - want[i]) / (Math.abs(want[i]) + 2 ** -13)));
        expect(worst, name).to.be.at.most(error);
      }
      await other.close();
    }
    await single.close();
  });

  it('leaves no file open, after an error or after close', async () => {
    const refused = golden('checkpoints-bad', 'hole-between-tensors.safetensors');
    expect((await failure(() => openSafetensors(refused))).code).to.equal('E_SAFETENSORS');
    const checkpoint = await openSafetensors(golden('checkpoints', 'hf-fp16.safetensors'));
    await checkpoint.close();
    await checkpoint.close();
    expect(await openFiles(golden())).to.equal(0);
    const closed = await failure(() => checkpoint.readFloat32('classifier.bias'));
    expect(closed).to.include({ code: 'E_SOURCE', got: 'EBADF' });
  });

  it('says what is not a file', () =>
    inFolder(async (folder) => {
      const missing = join(folder, 'model.safetensors');
      expect(await failure(() => openSafetensors(missing))).to.include({
        code: 'E_SOURCE',
        path: missing,
        got: 'no such file',
      });
      expect(await failure(() => openSafetensors(folder))).to.include({ code: 'E_SOURCE', got: 'a folder' });
      expect((await failure(() => openSafetensors('a\0b'))).code).to.equal('E_SOURCE');
      await writeFile(missing, '');
      expect((await failure(() => openSafetensors(missing))).code).to.equal('E_SAFETENSORS');
      expect(await failure(() => openSafetensors(join(missing, 'x')))).to.include({
        code: 'E_SOURCE',
        got: 'no such file',
      });
    }));

  it('notices a file that becomes shorter', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'model.safetensors');
      const file = safetensorsFile({ x: X }, new Uint8Array(8));
      await writeFile(path, file);
      const checkpoint = await openSafetensors(path);
      await truncate(path, file.length - 1);
      const error = await failure(() => checkpoint.readFloat32('x'));
      expect(error).to.include({
        code: 'E_SOURCE',
        path,
        wanted: `${file.length} bytes`,
        got: `${file.length - 1} bytes`,
      });
      await checkpoint.close();
    }));

  it('refuses a tensor that no memory holds, without trying', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'model.safetensors');
      const size = 2 ** 42;
      const file = safetensorsFile({ x: { dtype: 'U8', shape: [size], data_offsets: [0, size] } });
      await writeFile(path, file);
      // a sparse file: it takes no room on the disk
      await truncate(path, file.length + size);
      const checkpoint = await openSafetensors(path);
      expect((await failure(() => checkpoint.readFloat32('x'))).code).to.equal('E_LIMIT');
      await checkpoint.close();
    }));

  it('names the tensor that was probably meant', async () => {
    const checkpoint = await openSafetensors(golden('checkpoints', 'hf', 'model.safetensors'));
    const error = await failure(() => checkpoint.readFloat32('clasifier.bias'));
    expect(error).to.include({ code: 'E_ARGUMENT', suggestion: 'did you mean "classifier.bias"?' });
    expect((await failure(() => checkpoint.readFloat32('__proto__'))).code).to.equal('E_ARGUMENT');
    await checkpoint.close();
  });
});

describe('openShardedSafetensors', () => {
  /** Writes two shards and an index with this weight_map, and opens it. */
  async function open(folder: string, weightMap: unknown) {
    await writeFile(join(folder, '1.safetensors'), fileWith('a', 1, 2));
    await writeFile(join(folder, '2.safetensors'), fileWith('b', 3));
    await writeFile(
      join(folder, 'index.json'),
      JSON.stringify({ metadata: { total_size: 12 }, weight_map: weightMap }),
    );
    return openShardedSafetensors(join(folder, 'index.json'));
  }

  it('finds each tensor in its file', () =>
    inFolder(async (folder) => {
      const checkpoint = await open(folder, { b: '2.safetensors', a: '1.safetensors' });
      expect([...checkpoint.tensors.keys()]).to.have.members(['a', 'b']);
      expect(await checkpoint.readFloat32('a')).to.deep.equal(new Float32Array([1, 2]));
      expect(await checkpoint.readFloat32('b')).to.deep.equal(new Float32Array([3]));
      expect((await failure(() => checkpoint.readFloat32('c'))).code).to.equal('E_ARGUMENT');
      await checkpoint.close();
      expect(await openFiles(folder)).to.equal(0);
    }));

  it('gives what one file of the same model gives', async () => {
    const whole = await openSafetensors(golden('checkpoints', 'hf', 'model.safetensors'));
    const sharded = await openShardedSafetensors(golden('checkpoints', 'hf-sharded', 'model.safetensors.index.json'));
    expect([...sharded.tensors.keys()]).to.have.members([...whole.tensors.keys()]);
    for (const name of whole.tensors.keys()) {
      expect(await sharded.readFloat32(name), name).to.deep.equal(await whole.readFloat32(name));
    }
    await whole.close();
    await sharded.close();
  });

  it('gives tensors of a shard that the index does not list, as transformers does', () =>
    inFolder(async (folder) => {
      await mkdir(join(folder, 'more'));
      const two = { dtype: 'F32', shape: [1], data_offsets: [4, 8] };
      const file = safetensorsFile({ c: { ...two, data_offsets: [0, 4] }, extra: two }, new Uint8Array(8));
      await writeFile(join(folder, 'more', '3.safetensors'), file);
      const checkpoint = await open(folder, { a: '1.safetensors', c: 'more/3.safetensors' });
      expect([...checkpoint.tensors.keys()]).to.have.members(['a', 'c', 'extra']);
      expect(await checkpoint.readFloat32('extra')).to.deep.equal(new Float32Array([0]));
      await checkpoint.close();
    }));

  it('refuses files outside its folder, of either system', () =>
    inFolder(async (folder) => {
      const outside = [
        '../1.safetensors',
        'x/../../1.safetensors',
        '/etc/passwd',
        '..\\1.safetensors',
        'C:\\1.safetensors',
        'c:1',
        '',
        7,
      ];
      for (const file of outside) {
        const error = await failure(() => open(folder, { a: file }));
        expect(error, `${file}`).to.include({ code: 'E_SAFETENSORS', path: `${folder}/index.json: weight_map: "a"` });
      }
      for (const weightMap of [undefined, null, [], 'a', 1]) {
        const error = await failure(() => open(folder, weightMap));
        expect(error).to.include({ code: 'E_SAFETENSORS', path: `${folder}/index.json: weight_map` });
      }
    }));

  it('refuses a missing file, a missing tensor and one in two files, and leaves none open', () =>
    inFolder(async (folder) => {
      const noFile = await failure(() => open(folder, { a: '1.safetensors', b: '3.safetensors' }));
      expect(noFile).to.include({ code: 'E_SOURCE', path: join(folder, '3.safetensors'), got: 'no such file' });
      const noTensor = await failure(() => open(folder, { a: '1.safetensors', b: '1.safetensors' }));
      expect(noTensor).to.include({ code: 'E_SAFETENSORS', path: `${folder}/index.json: "b"`, got: 'none' });
      await writeFile(join(folder, '3.safetensors'), fileWith('a', 9));
      const twice = await failure(() =>
        open(folder, { a: '1.safetensors', __proto__: '2.safetensors', x: '3.safetensors' }),
      );
      expect(twice).to.include({ code: 'E_SAFETENSORS', path: `${folder}/3.safetensors: "a"` });
      expect((await failure(() => openShardedSafetensors(join(folder, 'none.json')))).code).to.equal('E_SOURCE');
      expect((await failure(() => openShardedSafetensors(join(folder, '1.safetensors')))).code).to.equal('E_JSON');
      expect(await openFiles(folder)).to.equal(0);
    }));

  it('refuses the goldens', async () => {
    const missing = await failure(() =>
      openShardedSafetensors(golden('checkpoints-bad', 'index-shard-missing.index.json')),
    );
    expect(missing.code).to.equal('E_SOURCE');
    const outside = await failure(() =>
      openShardedSafetensors(golden('checkpoints-bad', 'index-points-outside.index.json')),
    );
    expect(outside.code).to.equal('E_SAFETENSORS');
  });
});

describe('a tensor of a dtype that is not read', () => {
  it('leaves the other tensors of several files alone', () =>
    inFolder(async (folder) => {
      const entry = (dtype: string) => ({ dtype, shape: [1], data_offsets: [0, dtype === 'F32' ? 4 : 1] });
      await writeFile(join(folder, '1'), safetensorsFile({ w: entry('F32') }, new Uint8Array(4)));
      await writeFile(join(folder, '2'), safetensorsFile({ eight: entry('F8_E4M3') }, new Uint8Array(1)));
      const index = join(folder, 'model.safetensors.index.json');
      await writeFile(index, '{"weight_map": {"w": "1", "eight": "2"}}');
      const checkpoint = await openShardedSafetensors(index);
      expect(await checkpoint.readFloat32('w')).to.deep.equal(new Float32Array(1));
      const error = await failure(() => checkpoint.readFloat32('eight'));
      expect([error.code, error.path]).to.deep.equal(['E_WEIGHTS', `${join(folder, '2')}: "eight"`]);
      await checkpoint.close();
      expect(await openFiles(folder)).to.equal(0);
    }));
});

describe('readSafetensors', () => {
  it('keeps whole numbers exact and apart from floats', () => {
    const header = {
      labels: { dtype: 'I64', shape: [2], data_offsets: [0, 16] },
      large: { dtype: 'I64', shape: [1], data_offsets: [16, 24] },
      mask: { dtype: 'BOOL', shape: [1, 1], data_offsets: [24, 25] },
      x: { dtype: 'F32', shape: [], data_offsets: [25, 29] },
    };
    const parts = [new BigInt64Array([-100n, 16777217n, 2n ** 40n + 1n]), new Uint8Array([1]), new Float32Array([0.5])];
    const file = safetensorsFile(header, Buffer.concat(parts.map(({ buffer }) => new Uint8Array(buffer))));
    const tensors = readSafetensors(file, 'file');
    expect([...tensors]).to.deep.equal([
      ['labels', { dtype: 'I64', shape: [2], data: new Int32Array([-100, 16777217]) }],
      ['large', { dtype: 'I64', shape: [1], data: new Float64Array([2 ** 40 + 1]) }],
      ['mask', { dtype: 'BOOL', shape: [1, 1], data: new Int32Array([1]) }],
      ['x', { dtype: 'F32', shape: [], data: new Float32Array([0.5]) }],
    ]);
  });

  it('gives each tensor an array of its own', () => {
    const file = fileWith('xyz', 1, 2);
    expect((file.length - 8) % 4).to.equal(0); // aligned: a view would be possible
    readSafetensors(file, 'file').get('xyz')!.data.fill(7);
    expect(readSafetensors(file, 'file').get('xyz')!.data).to.deep.equal(new Float32Array([1, 2]));
  });

  it('refuses whole numbers that no double holds', async () => {
    const header = { x: { dtype: 'U64', shape: [1], data_offsets: [0, 8] } };
    const file = safetensorsFile(header, new Uint8Array(new BigUint64Array([2n ** 53n + 1n]).buffer));
    expect(await failure(() => readSafetensors(file, 'file'))).to.include({ code: 'E_LIMIT', path: 'file: "x"' });
  });

  it('refuses what is no safetensors file', async () => {
    const bytes = await readBytes(golden('checkpoints-bad', 'lfs-pointer.safetensors'));
    expect(await failure(() => readSafetensors(bytes, 'file'))).to.include({ code: 'E_SAFETENSORS' });
  });
});
