import { expect } from 'chai';
import { convnextv2, expectFailure, workFolder } from './helpers.js';

describe('cli: inspect', () => {
  const { path } = workFolder();

  it('prints a table of a model', async () => {
    const { code, stdout, stderr } = await convnextv2(['inspect', 'tiny', '--size', '64x96'], path);
    expect([code, stderr]).to.deep.equal([0, []]);
    // The stem: 4 * 3 * 4 * 4 + 4 of its convolution, 2 * 4 of its norm. Its weights are used once at each of 16 * 24 places:
    // 2 * 16 * 24 * 192 operations.
    expect(stdout).to.match(/^convnextv2, from .*tiny.config\.json\n/);
    expect(stdout).to.match(/^stage +stride +channels +map +parameters +GFLOPs\nstem +4 +4 +16 x 24 +204 +0\.000\n/m);
    expect(stdout).to.match(/^stage4 +32 +7 +2 x 3 +/m);
    expect(stdout).to.match(/^checkpoint .*model\.safetensors: \d+ tensors, [\d,]+ values, F32\n/m);
    expect(stdout).to.match(/\nrecognised: safetensors; names of hf\nmetadata format: pt\n$/);
  });

  it('prints JSON, and nothing else', async () => {
    const { code, stdout, stderr } = await convnextv2(['inspect', 'tiny', '--size', '64x96', '--json'], path);
    expect([code, stderr]).to.deep.equal([0, []]);
    const { modelType, stages } = JSON.parse(stdout);
    expect(modelType).to.equal('convnextv2');
    expect(stages).to.have.length(5);
    expect(stages[0]).to.deep.equal({
      name: 'stem',
      channels: 4,
      stride: 4,
      height: 16,
      width: 24,
      parameters: 204,
      flops: 147456,
    });
  });

  it('takes a shipped config, and says that it has no weights', async () => {
    const { stdout } = await convnextv2(['inspect', 'convnextv2-atto'], path);
    expect(stdout).to.match(/^all +3,386,760 +1\.094$/m);
    expect(stdout).to.match(/\nno checkpoint: fresh weights\n$/);
  });

  it('refuses other than one model, and a size that is none', async () => {
    const wrong = [['inspect'], ['inspect', 'tiny', 'tiny'], ['inspect', 'tiny', '--size', '31']];
    const [none, two, small] = await Promise.all(wrong.map((args) => convnextv2(args, path)));
    expectFailure(none, 2, 'E_USAGE: SOURCE: wanted one argument, got 0');
    expectFailure(two, 2, 'E_USAGE: SOURCE: wanted one argument, got 2');
    expectFailure(small, 1, 'E_SHAPE: ');
  });
});
