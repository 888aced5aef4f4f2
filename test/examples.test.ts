import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect } from 'chai';

const run = promisify(execFile);

/** What makes an example small enough. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  'ade20k-segmentation.ts': ['--steps', '60', '--side', '32'],
  'coco-detection.ts': ['--steps', '150'],
};

/** Each example, and what its output must say. */
const EXAMPLES: Readonly<Record<string, (output: string) => void>> = {
  'ade20k-segmentation.ts': (output) => {
    const [untrained, trained] = [...output.matchAll(/mIoU ([\d.]+)/g)].map(([, share]) => Number(share));
    expect(untrained).to.be.below(0.2);
    expect(trained).to.be.above(0.6);
  },
  'coco-detection.ts': (output) => {
    const precisions = [...output.matchAll(/^(?:bbox|segm): AP [\d.]+, AP50 ([\d.]+)$/gm)].map(([, AP50]) =>
      Number(AP50),
    );
    expect(precisions).to.have.length(2);
    expect(Math.min(...precisions)).to.be.above(0.5);
    expect(output).to.contain('wrote out/coco-detection.png');
  },
  'downstream-model.ts': (output) => {
    const losses = [...output.matchAll(/loss ([\d.]+)/g)].map(([, loss]) => Number(loss));
    expect(losses).to.have.length(10);
    expect(losses[9]).to.be.below(0.25 * losses[0]);
    const [, overlap] = /unseen pictures: ([\d.]+)/.exec(output)!;
    // a head that marks every cell gets 0.1
    expect(Number(overlap)).to.be.above(0.7);
  },
  'image-search.ts': (output) => {
    const nearest = Array.from(output.matchAll(/^piece of (\S+): (\S+) /gm), ([, piece, photograph]) => [
      piece,
      photograph,
    ]);
    const photographs = ['chelsea.png', 'china.jpg', 'coffee.png', 'rocket.jpg'];
    expect(nearest).to.deep.equal(photographs.map((photograph) => [photograph, photograph]));
    expect(output).to.contain('wrote out/image-search.png');
  },
  'tirb.ts': (output) => {
    expect(output.match(/^(cat|cup|rocket) 0\.\d+ at \d+, \d+, \d+, \d+$/gm)).to.have.length(5);
    expect(output).to.contain('wrote out/tirb.png');
    // each photograph is most like itself
    const alike = Array.from(output.matchAll(/^\S+(?:png|jpg) +(.*)$/gm), ([, row]) => row.split(' ').map(Number));
    expect(alike.map((row) => row.indexOf(1))).to.deep.equal([0, 1, 2]);
  },
  'third-party-backbone.ts': (output) => {
    expect(output).to.contain('registered: convnextv2, convnext, plainnet');
    expect(output).to.contain('stage1: [1,214,320,8], stride 2');
    expect(output).to.contain('stage3: [1,54,80,32], stride 8');
    expect(output).to.match(/E_PLUGIN: .* a second plugin of type "plainnet"/);
  },
};

describe('examples', () => {
  it('are all tested', () => {
    const files = readdirSync('examples').filter((file) => file.endsWith('.ts'));
    expect(files.sort()).to.deep.equal(Object.keys(EXAMPLES).sort());
  });

  for (const [file, check] of Object.entries(EXAMPLES)) {
    it(`${file} runs and prints what it says`, async () => {
      const { stdout } = await run(process.execPath, [
        '--import',
        'tsx',
        `examples/${file}`,
        ...(ARGUMENTS[file] ?? []),
      ]);
      check(stdout);
    });
  }
});
