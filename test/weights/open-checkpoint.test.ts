import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { openCheckpoint } from '../../src/weights/open-checkpoint.js';
import { failure, inFolder } from '../helpers.js';

describe('the container of a checkpoint', () => {
  const refusal = (name: string, text: string) =>
    inFolder(async (folder) => {
      const path = join(folder, name);
      await writeFile(path, text, 'latin1');
      return failure(() => openCheckpoint(path));
    });

  it('is told by its first bytes', async () => {
    for (const [text, code] of [
      ['\x80\x02N.', 'E_PICKLE'],
      ['\x80\x05N.', 'E_PICKLE'],
      ['\x80\x06N.', 'E_SOURCE'],
      ['PK\x03\x04', 'E_ZIP'],
      ['\x02\0\0\0\0\0\0\0{', 'E_SAFETENSORS'],
      ['\n {"weight_map": 1}', 'E_SAFETENSORS'],
      ['{', 'E_JSON'],
      ['\x89HDF\r\n\x1a\n', 'E_HDF5'],
    ])
      expect((await refusal('file', text)).code, text).to.equal(code);
  });

  it('is opened by known options alone', async () => {
    const error = await failure(() => openCheckpoint('nowhere.pth', { kee: 'model' } as never));
    expect(error).to.include({ code: 'E_ARGUMENT', path: 'kee', suggestion: 'did you mean "key"?' });
  });

  it('is told by its name where its bytes say nothing', async () => {
    const text = 'a header of many bytes';
    expect((await refusal('file.safetensors', text)).code).to.equal('E_SAFETENSORS');
    expect((await refusal('file', text)).got).to.equal('text that begins "a header of many"');
  });

  it('is nothing that is known', async () => {
    expect((await refusal('file', '')).got).to.equal('an empty file');
    expect((await refusal('file', '\x01\x02\x03')).got).to.equal('something else');
    const pointer = await refusal('file.bin', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n');
    expect(pointer.suggestion).to.contain('git lfs pull');
  });
});
