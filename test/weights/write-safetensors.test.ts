import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import type { StoredDtype } from '../../src/contracts.js';
import { byteLength, STORED_DTYPES } from '../../src/weights/dtypes.js';
import { parseHeader } from '../../src/weights/safetensors.js';
import { type TensorToWrite, writeSafetensors } from '../../src/weights/write-safetensors.js';
import { failure, golden, inFolder, readBytes } from '../helpers.js';

/** The tensors of a file, as `writeSafetensors` takes them. */
function tensorsOf(file: Uint8Array, header = parseHeader(file, file.length, 'file')): readonly TensorToWrite[] {
  return Array.from(header.tensors, ([name, { dtype, shape, begin, end }]) => ({
    name,
    dtype: dtype as StoredDtype,
    shape,
    bytes: async () => file.subarray(begin, end),
  }));
}

describe('writeSafetensors', () => {
  it('writes the header that the reference writes', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'x.safetensors');
      await writeSafetensors(path, [
        { name: 'b', dtype: 'F16', shape: [1], bytes: new Uint8Array([1, 2]) },
        { name: 'é', dtype: 'F32', shape: [1, 1], bytes: () => new Uint8Array([3, 4, 5, 6]) },
        { name: 'a"', dtype: 'F32', shape: [0], bytes: async () => new Uint8Array() },
      ]);
      const file = await readBytes(path);
      const header =
        '{"__metadata__":{"format":"pt"},"a\\"":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},' +
        '"é":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},"b":{"dtype":"F16","shape":[1],"data_offsets":[4,6]}}';
      // é is two bytes; the next multiple of 8 is 200
      expect(Buffer.byteLength(header)).to.equal(196);
      expect([...file.subarray(0, 8)]).to.deep.equal([200, 0, 0, 0, 0, 0, 0, 0]);
      expect(Buffer.from(file.subarray(8, 208)).toString()).to.equal(`${header}    `);
      expect([...file.subarray(208)]).to.deep.equal([3, 4, 5, 6, 1, 2]);
    }));

  it('gives the golden files back, byte for byte', () =>
    inFolder(async (folder) => {
      const files = ['hf/model', 'hf-fp16', 'hf-bf16', 'hf-fp64', 'hf-base', 'hf-backbone', 'timm-linear'];
      for (const name of [...files.map((name) => `checkpoints/${name}`), 'checkpoints-bad/weights-integers']) {
        const want = await readBytes(golden(`${name}.safetensors`));
        const header = parseHeader(want, want.length, name);
        const path = join(folder, 'again.safetensors');
        await writeSafetensors(path, tensorsOf(want, header).toReversed(), Object.fromEntries(header.metadata));
        expect(Buffer.compare(await readBytes(path), want), name).to.equal(0);
      }
    }));

  it('gives any tensors back, whatever their names', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'x.safetensors');
      const tensor = fc
        .record({
          name: fc.oneof(fc.string({ unit: 'binary', maxLength: 8 }), fc.constantFrom('__proto__', '7', '10')),
          dtype: fc.constantFrom(...STORED_DTYPES),
          shape: fc.array(fc.nat(3), { maxLength: 3 }),
          fill: fc.nat(255),
        })
        .map(({ fill, ...tensor }) => ({
          ...tensor,
          bytes: new Uint8Array(byteLength(tensor.dtype, tensor.shape)).fill(fill),
        }));
      const tensors = fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 6 });
      const metadata = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), { maxKeys: 3 });
      await fc.assert(
        fc.asyncProperty(tensors, metadata, async (tensors, metadata) => {
          await writeSafetensors(path, tensors, metadata);
          const file = await readBytes(path);
          const header = parseHeader(file, file.length, path);
          expect(Object.fromEntries(header.metadata)).to.deep.equal({ ...metadata });
          expect(header.tensors.size).to.equal(tensors.length);
          for (const { name, dtype, shape, bytes } of tensors) {
            const entry = header.tensors.get(name)!;
            expect(entry).to.deep.include({ dtype, shape });
            // aligned to its elements, for whoever maps the file into memory
            expect(entry.begin % byteLength(dtype, [])).to.equal(0);
            expect(file.subarray(entry.begin, entry.end)).to.deep.equal(bytes);
          }
        }),
        { numRuns: 100 },
      );
    }));

  it('sorts names by their UTF-8 bytes', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'x.safetensors');
      const names = ['B', 'a', '\uffff', '\u{10000}'];
      await writeSafetensors(
        path,
        names.toReversed().map((name) => ({ name, dtype: 'U8', shape: [1], bytes: new Uint8Array(1) })),
      );
      const file = await readBytes(path);
      expect([...parseHeader(file, file.length, path).tensors.keys()]).to.deep.equal(names);
    }));

  it('holds one tensor at a time', () =>
    inFolder(async (folder) => {
      const calls: string[] = [];
      const tensors = ['b', 'a', 'c'].map((name) => ({
        name,
        dtype: 'U8' as const,
        shape: [1],
        bytes: async () => {
          calls.push(`${name} asked`);
          await new Promise((resolve) => setTimeout(resolve, 1));
          calls.push(`${name} given`);
          return new Uint8Array(1);
        },
      }));
      await writeSafetensors(join(folder, 'x.safetensors'), tensors);
      expect(calls).to.deep.equal(['a asked', 'a given', 'b asked', 'b given', 'c asked', 'c given']);
    }));

  it('refuses what no reader would take, and leaves nothing behind', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'x.safetensors');
      const x = { name: 'x', dtype: 'U8' as const, shape: [1], bytes: new Uint8Array(1) };
      const refused: readonly (readonly [readonly TensorToWrite[], string, string])[] = [
        [[x, x], 'E_SAFETENSORS', `${path}: "x"`],
        [[{ ...x, name: '__metadata__' }], 'E_SAFETENSORS', `${path}: "__metadata__"`],
        [[{ ...x, name: '\ud800' }], 'E_SAFETENSORS', `${path}: "\\ud800"`],
        [[{ ...x, shape: [-1] }], 'E_SAFETENSORS', `${path}: "x"`],
        [[{ ...x, shape: [0.5] }], 'E_SAFETENSORS', `${path}: "x"`],
        [[{ ...x, shape: [2] }], 'E_ARGUMENT', `${path}: "x"`],
        [[{ ...x, bytes: async () => new Uint8Array(2) }], 'E_ARGUMENT', `${path}: "x"`],
        [[{ ...x, bytes: new Int8Array(1) as never }], 'E_ARGUMENT', `${path}: "x"`],
        [[{ ...x, bytes: undefined as never }], 'E_ARGUMENT', `${path}: "x"`],
        [[{ ...x, shape: '1' as never }], 'E_SAFETENSORS', `${path}: "x"`],
        [[{ ...x, dtype: 'F8' as never }], 'E_SAFETENSORS', `${path}: "x"`],
        [[{ ...x, name: undefined as never }], 'E_SAFETENSORS', path],
      ];
      for (const [tensors, code, where] of refused) {
        for (const metadata of [undefined, {}]) {
          expect(await failure(() => writeSafetensors(path, tensors, metadata))).to.include({ code, path: where });
          expect(await readdir(folder)).to.deep.equal([]);
        }
      }
    }));
});
