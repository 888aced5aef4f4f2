import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { openCheckpoint } from '../../src/weights/open-checkpoint.js';
import { failure, inFolder } from '../helpers.js';
import { zipOf } from './torch-files.js';

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
    expect((await refusal('file', text)).got).to.equal('text that begins "a header of many bytes"');
  });

  it('is nothing that is known', async () => {
    expect((await refusal('file', '')).got).to.equal('an empty file');
    expect((await refusal('file', '\x01\x02\x03')).got).to.equal('something else');
  });

  it('may be something else that was saved in its place, which is named with what to do', async () => {
    const tar = `${'inner.safetensors'.padEnd(257, '\0')}ustar`.padEnd(1024, '\0');
    for (const [text, got, suggestion] of [
      ['', 'an empty file', 'fetch the file again'],
      ['\n<!DOCTYPE html><html>', 'a page of HTML', '/resolve/'],
      [`\xef\xbb\xbf<html>${'\xc3\xa9'.repeat(300)}`, 'a page of HTML', '/resolve/'], // é, cut in two after 512 bytes
      ['version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n', 'a Git LFS pointer', 'git lfs pull'],
      ['{"error":"Repository not found"}', 'Repository not found', 'fetch'],
      ['Entry not found', 'text that begins "Entry not found"', 'fetch the file again'],
      ['\x1f\x8b\x08\0\0\0\0\0', 'a gzip archive', 'unpack it first'],
      [tar, 'a tar archive', 'tar -xf'],
      [
        Buffer.from(zipOf({ 'inner.safetensors': Buffer.of(1) })).toString('latin1'),
        'a zip archive of "inner.safetensors"',
        'unpack it first',
      ],
    ] as const) {
      for (const name of ['model.safetensors', 'pytorch_model.bin', 'tf_model.h5']) {
        const error = await refusal(name, text);
        expect(error.code, name).to.be.oneOf(['E_SOURCE', 'E_SAFETENSORS', 'E_ZIP']);
        expect(error.got).to.contain(got);
        expect(error.suggestion).to.contain(suggestion);
      }
    }
  });

  it('may be so in one of several files, too', () =>
    inFolder(async (folder) => {
      await writeFile(join(folder, 'model.safetensors.index.json'), '{"weight_map": {"a": "1.safetensors"}}');
      await writeFile(join(folder, '1.safetensors'), 'version https://git-lfs.github.com/spec/v1\n');
      const error = await failure(() => openCheckpoint(join(folder, 'model.safetensors.index.json')));
      expect([error.path, error.got]).to.deep.equal([join(folder, '1.safetensors'), 'a Git LFS pointer']);
    }));
});
