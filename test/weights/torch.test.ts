import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { openCheckpoint } from '../../src/weights/open-checkpoint.js';
import { failure, golden, inFolder, openFiles } from '../helpers.js';
import { float32, rebuilt, torchZip } from './torch-files.js';

const open = async (folder: string, file: Uint8Array, key?: string) => {
  const path = join(folder, 'file.pt');
  await writeFile(path, file);
  return openCheckpoint(path, { key });
};

/** The tensors of a file with this storage of floats, by the name x alone. */
async function valuesOf(folder: string, pickled: string, storage: readonly number[]) {
  const checkpoint = await open(folder, torchZip(pickled, { 0: float32(...storage) }));
  const values = [...(await checkpoint.readFloat32('x'))];
  await checkpoint.close();
  return values;
}

/** A file that peers/generate.py has written. */
const peer = (name: string) => fileURLToPath(new URL(`peers/${name}`, import.meta.url));

const float32Of = (...values: readonly number[]) => new Float32Array(values);

describe('PyTorch files', () => {
  it('reads tensors by offset and strides', () =>
    inFolder(async (folder) => {
      const at = (offset: number, shape: readonly number[], strides: readonly number[]) =>
        valuesOf(folder, `}X\x01\0\0\0x${rebuilt(6, offset, shape, strides)}s.`, [0, 1, 2, 3, 4, 5]);
      expect(await at(0, [2, 3], [3, 1])).to.deep.equal([0, 1, 2, 3, 4, 5]);
      expect(await at(0, [3, 2], [1, 3])).to.deep.equal([0, 3, 1, 4, 2, 5]); // transposed
      expect(await at(1, [2], [2])).to.deep.equal([1, 3]);
      expect(await at(5, [], [])).to.deep.equal([5]);
      expect(await at(0, [2, 2], [0, 1])).to.deep.equal([0, 1, 0, 1]); // expanded
      expect(await at(5, [2, 4], [0, 0])).to.deep.equal([5, 5, 5, 5, 5, 5, 5, 5]); // to more than its storage has
      expect(await at(0, [0, 3], [3, 1])).to.deep.equal([]);
      expect(await at(0, [1, 6], [99, 1])).to.deep.equal([0, 1, 2, 3, 4, 5]); // an axis of one has any stride
    }));

  it('refuses tensors beyond their storage', () =>
    inFolder(async (folder) => {
      for (const [offset, shape, strides] of [
        [1, [6], [1]],
        [0, [2], [6]],
        [6, [], []],
        [0, [7], [1]],
        [0, [2, 3], [3]],
        [0, [6], [1, 1]],
        [0, [2 ** 30, 2 ** 30], [0, 0]], // more values than can be counted
        [0, new Array(65).fill(1), new Array(65).fill(1)],
        [0, [...new Array(35).fill(0x7fffffff), 0], new Array(36).fill(0)], // Infinity, times nothing
      ] as const) {
        const pickled = `}X\x01\0\0\0x${rebuilt(6, offset, shape, strides)}s.`;
        const error = await failure(() => open(folder, torchZip(pickled, { 0: float32(0, 1, 2, 3, 4, 5) })));
        expect(error.code, `${shape}`).to.equal('E_PICKLE');
      }
    }));

  it('finds the set of tensors by its usual names, or by the one that is asked for', () =>
    inFolder(async (folder) => {
      const set = `}X\x01\0\0\0x${rebuilt(1, 0, [1], [1])}s`;
      const two = torchZip(`}(X\x05\0\0\0modelX\0\0\0\0X\x03\0\0\0ema${set}X\x09\0\0\0model_ema${set}u.`, {
        0: float32(7),
      });
      const [first, chosen] = [await open(folder, two), await open(folder, two, 'ema')];
      expect(first.recognised).to.deep.equal([
        'PyTorch zip',
        'tensors under "model_ema"',
        'others under "ema": see the option key',
        'passed over: "model" ("")',
      ]);
      expect(chosen.recognised![1]).to.equal('tensors under "ema"');
      await first.close();
      await chosen.close();
      const error = await failure(() => open(folder, two, 'emma'));
      expect([error.code, error.wanted, error.suggestion]).to.deep.equal([
        'E_ARGUMENT',
        'one of ema, model_ema',
        'did you mean "ema"?',
      ]);
      expect((await failure(() => open(folder, torchZip('}K\x01K\x02s.', {})))).got).to.equal('a dict without any');
      expect(await openFiles(folder)).to.equal(0);
    }));

  it("reads the tensors among other frameworks' objects, none of which is made", async () => {
    for (const [file, passedOver] of [
      ['mmengine.pth', '"meta" (a dict), "message_hub" (a dict)'],
      ['lightning.ckpt', '(an object of lightning_fabric.utilities.data.AttributeDict)'],
      ['lightning-5.ckpt', '(an object of omegaconf.dictconfig.DictConfig)'],
    ]) {
      const checkpoint = await openCheckpoint(peer(file));
      expect([...checkpoint.tensors]).to.deep.equal([['w', { dtype: 'F32', shape: [2, 3] }]]);
      expect(await checkpoint.readFloat32('w')).to.deep.equal(float32Of(0, 1, 2, 3, 4, 5));
      expect(checkpoint.recognised!.join()).to.contain('tensors under "state_dict"').and.to.contain(passedOver);
      await checkpoint.close();
    }
  });

  it('reads the tensors that it can, and names the others', async () => {
    const checkpoint = await openCheckpoint(peer('odd-tensors.pth'));
    const reasons = Array.from(checkpoint.tensors, ([name, { unreadable }]) => [name, unreadable]);
    expect(reasons).to.deep.equal([
      ['w', undefined],
      ['complex', 'a tensor of complex64 [2]'],
      ['sparse', 'a sparse tensor'],
      ['quantized', 'a quantized tensor'],
      ['expanded', 'F32 [1000, 1000, 1000] expanded from 4 bytes, too large for its file'],
      ['small', undefined],
      ['held', 'tensors within an object of my.research.QuantizedTensor'],
    ]);
    expect(await checkpoint.readFloat32('w')).to.deep.equal(float32Of(0, 1, 2, 3, 4, 5));
    expect(await checkpoint.readFloat32('small')).to.deep.equal(float32Of(7, 7, 7, 7));
    const error = await failure(() => checkpoint.readFloat32('sparse'));
    expect([error.code, error.got]).to.deep.equal(['E_WEIGHTS', 'a sparse tensor']);
    await checkpoint.close();
  });

  it('reads a dict of a class of its own, and says how to save a model that was pickled whole', () =>
    inFolder(async (folder) => {
      const item = `X\x01\0\0\0x${rebuilt(1, 0, [1], [1])}`;
      expect(await valuesOf(folder, `cmy\nDict\n)\x81${item}s.`, [7])).to.deep.equal([7]);
      const inner = `}X\x05\0\0\0modelcmy\nDict\n)\x81${item}ss.`;
      expect(await valuesOf(folder, inner, [7])).to.deep.equal([7]);
      const whole = torchZip(`cmy\nNet\n)\x81}${item}sb.`, { 0: float32(7) });
      for (const [file, got] of [
        [whole, 'an object of my.Net'],
        [
          torchZip(`}X\x05\0\0\0modelcmy\nNet\n)\x81}${item}sbs.`, { 0: float32(7) }),
          'tensors within an object of my.Net',
        ],
        [torchZip('}X\x05\0\0\0modelcmy\nNet\n)\x81s.', {}), 'a dict without any'],
      ] as const) {
        const error = await failure(() => open(folder, file));
        expect([error.code, error.got]).to.deep.equal(['E_PICKLE', got]);
        expect(error.suggestion).to.contain('torch.save(model.state_dict()');
      }
    }));

  it('leaves what other frameworks pickled beside the tensors alone', async () => {
    const checkpoint = await openCheckpoint(golden('checkpoints', 'original-self-trained.pth'));
    expect(checkpoint.recognised!.join()).to.contain('"args" (an object of argparse.Namespace)');
    await checkpoint.close();
  });

  it('refuses a storage of another length than its tensors say', async () => {
    for (const values of [
      [1, 2],
      [1, 2, 3, 4],
    ]) {
      const file = torchZip(`${rebuilt(3, 0, [2], [1])}.`, { 0: float32(...values) });
      const error = await inFolder((folder) => failure(() => open(folder, file)));
      expect([error.wanted, error.got]).to.deep.equal(['12 bytes in storage 0', `${4 * values.length}`]);
    }
  });

  it('holds the legacy format to what it says of itself', () =>
    inFolder(async (folder) => {
      const magic = '\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.';
      const little = '}X\x0d\0\0\0little_endian\x88s.';
      const keysOf = (...keys: readonly number[]) => `](${keys.map((key) => `X\x01\0\0\0${key}`).join('')}e.`;
      const storage = (count: number) =>
        Buffer.concat([Buffer.from(new BigUint64Array([BigInt(count)]).buffer), float32(5, 6)]);
      const values = `}X\x01\0\0\0x${rebuilt(2, 0, [2], [1])}s.`;
      const file = ({ first = magic, machine = little, tensors = values, keys = keysOf(0), count = 2 }) => {
        const pickles = [first, 'M\xe9\x03.', machine, tensors, keys].map((pickle) => `\x80\x02${pickle}`).join('');
        return Buffer.concat([Buffer.from(pickles, 'latin1'), storage(count), storage(count)]);
      };
      // a key that is a list of two lists of two lists ...: written out it would have 2^40 commas
      const byte = (number: number) => String.fromCharCode(number);
      const doubled = Array.from({ length: 40 }, (_, i) => `](h${byte(i)}h${byte(i)}eq${byte(i + 1)}`);
      for (const machine of [little, `]q\0${doubled.join('')}}h${byte(40)}Ns.`]) {
        const checkpoint = await open(folder, file({ machine }));
        expect(await checkpoint.readFloat32('x')).to.deep.equal(float32Of(5, 6));
        await checkpoint.close();
      }
      for (const [wrong, got] of [
        [{ first: 'M\xe9\x03.' }, 'another pickle'],
        [{ machine: '}X\x0d\0\0\0little_endian\x89s.' }, 'big-endian ones'],
        [{ count: 3 }, '3'],
        [{ keys: keysOf(9) }, '"9"'],
        [{ keys: keysOf(0, 0) }, '"0"'],
        [{ keys: keysOf() }, 'none'],
        [{ keys: 'K\x01.' }, '1'],
      ] as const) {
        expect((await failure(() => open(folder, file(wrong)))).got).to.equal(got);
      }
      const whole = file({}); // it ends with two storages of 16 bytes, of which the first is used
      for (const left of [7, 9]) {
        const cut = whole.subarray(0, whole.length - 32 + left);
        expect((await failure(() => open(folder, cut))).suggestion).to.equal('it is cut short');
      }
      expect((await failure(() => open(folder, file({ tensors: `${'}'.repeat(5000)}.` })))).code).to.equal('E_LIMIT');
    }));

  it('steps over storages of the legacy format that are not read', () =>
    inFolder(async (folder) => {
      const complex = rebuilt(1, 0, [1], [1]).replace('FloatStorage', 'ComplexDoubleStorage');
      const floats = rebuilt(2, 0, [2], [1]).replace('X\x01\0\0\x000', 'X\x01\0\0\x001');
      const pickles = [
        '\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.',
        'M\xe9\x03.',
        '}.',
        `}(X\x01\0\0\0c${complex}X\x01\0\0\0x${floats}u.`,
        '](X\x01\0\0\x000X\x01\0\0\x001e.',
      ].map((pickle) => `\x80\x02${pickle}`);
      const count = (number: number) => Buffer.from(new BigUint64Array([BigInt(number)]).buffer);
      // a complex128 of 16 bytes, then two floats
      const storages = [count(1), new Uint8Array(16), count(2), float32(5, 6)];
      const checkpoint = await open(folder, Buffer.concat([Buffer.from(pickles.join(''), 'latin1'), ...storages]));
      expect(checkpoint.tensors.get('c')).to.have.property('unreadable', 'a tensor of complex128 [1]');
      expect(await checkpoint.readFloat32('x')).to.deep.equal(float32Of(5, 6));
      await checkpoint.close();
    }));

  it('takes tensors in the wrapping of a parameter of any class', () =>
    inFolder(async (folder) => {
      const plain = rebuilt(2, 0, [2], [1]);
      const [rebuild, args] = [plain.slice(0, plain.indexOf('(')), plain.slice(plain.indexOf('('), -1)];
      const wrapped = `ctorch._tensor\n_rebuild_from_type_v2\n(${rebuild}ctorch.nn.parameter\nParameter\n${args}}tR`;
      expect(await valuesOf(folder, `}X\x01\0\0\0x${wrapped}s.`, [5, 6])).to.deep.equal([5, 6]);
      const other = wrapped.replace(rebuild, 'ccollections\nOrderedDict\n');
      expect((await failure(() => valuesOf(folder, `}X\x01\0\0\0x${other}s.`, [5, 6]))).code).to.equal('E_PICKLE');
    }));

  it('refuses tensors that share a storage until they are far larger than the file', () =>
    inFolder(async (folder) => {
      const file = (names: number) => {
        const all = Array.from({ length: names }, (_, i) => `X\x01\0\0\0${String.fromCharCode(65 + i)}h\0`).join('');
        return torchZip(`${rebuilt(50_000, 0, [50_000], [1])}q\0}(${all}u.`, { 0: new Uint8Array(200_000) });
      };
      // of 200,000 bytes each, in a file of some more: nine are less than four times it and a megabyte, ten are more
      const checkpoint = await open(folder, file(9));
      expect(checkpoint.tensors.size).to.equal(9);
      await checkpoint.close();
      expect((await failure(() => open(folder, file(10)))).code).to.equal('E_LIMIT');
    }));

  it('leaves out the largest of those that repeat their values, where all would be far larger than the file', () =>
    inFolder(async (folder) => {
      // a float repeated 100,000, 200,000 and 300,000 times, of 4 bytes each: what may be is a megabyte and some
      const all = [1, 3, 2].map((times) => {
        const expanded = rebuilt(1, 0, [100_000 * times], [0]);
        return `X\x01\0\0\0${times}${expanded}`;
      });
      const checkpoint = await open(folder, torchZip(`}(${all.join('')}u.`, { 0: float32(7) }));
      const left = [...checkpoint.tensors].filter(([, { unreadable }]) => unreadable !== undefined);
      expect(left.map(([name]) => name)).to.deep.equal(['3', '2']); // 0.8 + 0.4 megabytes are more, too
      const values = await checkpoint.readFloat32('1');
      expect([values.length, values[99_999]]).to.deep.equal([100_000, 7]);
      await checkpoint.close();
    }));

  it('refuses a pickle whose values would take far more memory than the file has bytes', () =>
    inFolder(async (folder) => {
      // 272 bytes for each dict of a byte, where four bytes a byte and a megabyte may be
      expect((await failure(() => open(folder, torchZip(`${'}'.repeat(5000)}.`, {})))).code).to.equal('E_LIMIT');
    }));

  it('says which name is unknown', async () => {
    const checkpoint = await openCheckpoint(golden('checkpoints', 'fcmae-dense.pth'));
    expect((await failure(() => checkpoint.readFloat32('stages.0.0.norm.wieght'))).suggestion).to.equal(
      'did you mean "stages.0.0.norm.weight"?',
    );
    await checkpoint.close();
  });

  it('refuses the legacy format where it is cut short, byte by byte', () =>
    inFolder(async (folder) => {
      const whole = new Uint8Array(await readFile(golden('checkpoints', 'hf-bin-legacy', 'pytorch_model.bin')));
      for (let length = 0; length < whole.length; length += 97) {
        const error = await failure(() => open(folder, whole.subarray(0, length)));
        expect(error.code, `${length}`).to.be.oneOf(['E_SOURCE', 'E_PICKLE']);
      }
    }));
});
