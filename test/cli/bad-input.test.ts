import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { expect } from 'chai';
import { convnextv2, expectFailure, workFolder } from './helpers.js';

/** A PNG that says it has this size, and has no pixels. */
function pngHeader(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, checksum]);
  };
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]); // 8 bits a channel, RGB
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IEND', Buffer.alloc(0))]);
}

describe('cli: bad input gives one clear line, and leaves nothing behind', () => {
  const { path, files } = workFolder();
  const small = { model_type: 'convnextv2', depths: [1, 1], hidden_sizes: [4, 4] };

  before(() => {
    const write = (name: string, content: string | Uint8Array) => writeFileSync(join(path, name), content);
    write('unknown-key.json', JSON.stringify({ ...small, depth: [1, 1] }));
    write('stage9.json', JSON.stringify({ ...small, out_features: ['stage9'] }));
    write('four-channels.json', JSON.stringify({ ...small, num_channels: 4 }));
    write('several.json', JSON.stringify({ ...small, depth: [1], hidden_act: 'geru' }));
    write('text.jpg', 'This is no picture.\n');
    write('huge.png', pngHeader(100_000, 100_000));
    write('a-file', '');
    cpSync(join(path, 'tiny'), join(path, 'truncated'), { recursive: true });
    write(join('truncated', 'model.safetensors'), readFileSync(join(path, 'tiny/model.safetensors')).subarray(0, -9));
    mkdirSync(join(path, 'no-config'));
  });

  const bad: Readonly<
    Record<string, readonly [picture: string, options: readonly string[], message: string | RegExp]>
  > = {
    'an unknown key': [
      'chelsea.png',
      ['--model', 'unknown-key.json'],
      /^E_CONFIG: .*unknown-key\.json: \/depth: wanted .* got .*depth.* \(did you mean "depths"\?\)$/,
    ],
    'several faults of a config': [
      'chelsea.png',
      ['--model', 'several.json'],
      /^E_CONFIG: 2 problems; .*\/depth.*; .*\/hidden_act.*"geru".*$/,
    ],
    'a stage that is not there, in the config': [
      'chelsea.png',
      ['--model', 'stage9.json'],
      /^E_OUT_FEATURES: .*stage9\.json: \/out_features: .*'stage2'\] got \['stage9'\]/,
    ],
    'a stage that is not there, on the command line': [
      'chelsea.png',
      ['--model', 'tiny', '--out-features', 'stage1,stage9'],
      /^E_OUT_FEATURES: .*'stage4'\] got \['stage1', 'stage9'\]/,
    ],
    'a text called .jpg': ['text.jpg', ['--model', 'tiny'], 'E_IMAGE: text\\.jpg: .* got text'],
    'a PNG of 100,000 x 100,000': [
      'huge.png',
      ['--model', 'tiny'],
      'E_LIMIT: huge\\.png: wanted at most 100000000 pixels, got 100000 x 100000',
    ],
    'a checkpoint that is cut short': [
      'chelsea.png',
      ['--model', 'truncated'],
      'E_SAFETENSORS: truncated.model\\.safetensors: wanted a file of \\d+ bytes.* \\(the file is cut short',
    ],
    'a folder without config.json or weights': [
      'chelsea.png',
      ['--model', 'no-config'],
      'E_SOURCE: no-config: wanted .*config\\.json.*, got ',
    ],
    'an output folder that is a file': [
      'chelsea.png',
      ['--model', 'tiny', '--out', 'a-file'],
      /^E_OUTPUT: a-file: wanted a folder to write to, got a file$/,
    ],
    'an output folder below a file': [
      'chelsea.png',
      ['--model', 'tiny', '--out', join('a-file', 'below')],
      'E_OUTPUT: a-file: wanted a folder to write to, got a file',
    ],
    'an unknown backend': [
      'chelsea.png',
      ['--model', 'tiny', '--backend', 'tensorflw'],
      'E_USAGE: --backend: wanted one of auto, simd, tensorflow, cpu, got "tensorflw" \\(did you mean "tensorflow"\\?\\)',
    ],
    'a config name with a typing error': [
      'chelsea.png',
      ['--model', 'convnextv2-ato'],
      'E_SOURCE: convnextv2-ato: .* \\(did you mean "convnextv2-atto"\\?\\)',
    ],
  };
  for (const [name, [picture, options, message]] of Object.entries(bad)) {
    it(name, async () => {
      const before = files();
      const finished = await convnextv2(['features', picture, '--backend', 'cpu', '--out', 'out', ...options], path);
      expectFailure(finished, String(message).includes('E_USAGE') ? 2 : 1, message);
      expect(files()).to.deep.equal(before);
    });
  }

  it('a wrong number of channels', async () => {
    const before = files();
    const args = ['features', 'chelsea.png', '--model', 'four-channels.json', '--random-weights', '--backend', 'cpu'];
    const { code, stdout, stderr } = await convnextv2(args, path);
    expect([code, stdout]).to.deep.equal([1, '']);
    expect(stderr[1]).to.match(/^E_SHAPE: .*wanted 4 channels.*got 3 channels.*\(chelsea\.png\)$/);
    expect(files()).to.deep.equal(before);
  });

  it('an output folder that cannot be made', async function () {
    if (process.platform !== 'linux') return this.skip();
    // not even root makes one there, and mkdir with `recursive` would try for ever
    const args = ['features', 'chelsea.png', '--model', 'tiny', '--backend', 'cpu', '--out', '/proc/none/out'];
    expectFailure(await convnextv2(args, path), 1, 'E_OUTPUT: /proc/none: wanted a folder to write to, got ');
  });
});
