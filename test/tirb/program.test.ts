import { execFile } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { inFolder } from '../helpers.js';

/** A program for tfjs-image-recognition-base: a network of its own, that package's detector, boxes and a canvas of pixels. */
const PROGRAM = `
class Extractor extends NeuralNetwork {
  constructor() {
    super('Extractor');
  }
  getDefaultModelName() {
    return 'extractor';
  }
  extractParamsFromWeigthMap(map) {
    return { params: { conv: { filters: map.filters } }, paramMappings: [{ paramPath: 'conv/filters' }] };
  }
  extractParams(weights) {
    return this.extractParamsFromWeigthMap({ filters: tf.tensor4d(weights, [3, 3, 3, 4]) });
  }
  async forward(input, size) {
    return this.forwardInput(await toNetInput(input), size);
  }
  forwardInput(input, size) {
    return tf.tidy(() => {
      const x = input.toBatchTensor(size, true).sub(tf.scalar(100)).div(tf.scalar(256));
      return tf.conv2d(x, this.params.conv.filters, [2, 2], 'same').relu().mean([1, 2]).toFloat();
    });
  }
}
const values = (count, step) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * step) / 4);
const pictures = [[30, 41], [25, 17]].map(([h, w]) => tf.tensor3d(values(h * w * 3, 0.7).map((v) => 128 + 400 * v), [h, w, 3]));
const lines = [];
const show = (list) => lines.push(Array.from(list, (v) => Number(v).toFixed(4)).join(' '));

const extractor = new Extractor();
extractor.extractWeights(values(108, 0.3));
extractor.variable();
const features = await extractor.forward(pictures, 32);
show(features.dataSync());
show([extractor.getTrainableParams().length, extractor.getParamFromPath('conv/filters').shape[3]]);
show(extractor.serializeParams().slice(0, 5));
const loss = () => tf.tidy(() => extractor.forwardInput(new NetInput(pictures, true), 32).square().mean());
if (GRADIENTS) show(tf.variableGrads(loss).grads[extractor.getParamFromPath('conv/filters').name].dataSync().slice(0, 5));

const { TinyYolov2 } = TfjsImageRecognitionBase;
const detector = new TinyYolov2({
  withSeparableConvs: true, iouThreshold: 0.4, classes: ['a', 'b'], filterSizes: [3, 2, 2, 2, 2, 2, 2, 2, 2],
  anchors: [1, 2, 3, 4, 5].map((side) => new Point(side, side)),
});
detector.extractWeights(values((27 + 6 + 2) + 7 * (18 + 4 + 2) + 2 * 35 + 35, 0.11));
const found = await detector.detect(pictures[0], { inputSize: 64, scoreThreshold: 0.3 });
for (const { score, className, box, relativeBox, imageWidth } of found.slice(0, 6)) {
  lines.push(className);
  show([score, box.x, box.y, box.width, box.height, relativeBox.width, imageWidth]);
}
show([new Rect(1, 2, 30, 40).rescale(2).pad(3, 4).area, iou(new Rect(0, 0, 2, 2), new Rect(1, 1, 2, 2))]);
show(nonMaxSuppression([new Rect(0, 0, 9, 9), new Rect(1, 1, 9, 9)], [0.1, 0.2], 0.5));
console.log(lines.join('\\n'));
`;

const NAMES = 'iou, NetInput, NeuralNetwork, nonMaxSuppression, Point, Rect, TfjsImageRecognitionBase, toNetInput';

describe('a program for tfjs-image-recognition-base', () => {
  it('prints the same with only its import changed', async () => {
    await inFolder(async (folder) => {
      const peer = resolve('node_modules/tfjs-image-recognition-base');
      /** Runs it where these packages are to be had. */
      const run = async (name: string, from: string, packages: Readonly<Record<string, string>>) => {
        const app = join(folder, name);
        for (const [name, target] of Object.entries(packages)) {
          const path = join(app, 'node_modules', name);
          mkdirSync(dirname(path), { recursive: true });
          symlinkSync(target, path, 'junction');
        }
        const head = `import bridge from '${from}';\nimport * as tfjs from '@tensorflow/tfjs-core';\n`;
        const start = from === 'convnextv2/tirb' ? head.replace('import bridge', 'import * as bridge') : head;
        const unpack = `const tf = tfjs.default ?? tfjs;\nconst { ${NAMES} } = bridge;\nconst GRADIENTS = true;\n`;
        writeFileSync(join(app, 'program.mjs'), start + unpack + PROGRAM);
        const { stdout, stderr } = await promisify(execFile)(process.execPath, ['program.mjs'], { cwd: app });
        if (from === 'convnextv2/tirb') expect(stderr).to.equal(''); // tfjs would greet
        return stdout;
      };
      const original = await run('original', 'tfjs-image-recognition-base', {
        'tfjs-image-recognition-base': peer,
        '@tensorflow/tfjs-core': join(peer, 'node_modules/@tensorflow/tfjs-core'),
      });
      const changed = await run('changed', 'convnextv2/tirb', {
        convnextv2: resolve('.'),
        '@tensorflow/tfjs-core': resolve('node_modules/@tensorflow/tfjs-core'),
      });
      const parts = (text: string) => text.split(/\s+/);
      expect(parts(changed)).to.have.length(parts(original).length);
      expect(parts(original)).to.have.length.above(40);
      for (const [i, part] of parts(original).entries()) {
        if (Number.isNaN(Number(part))) expect(parts(changed)[i]).to.equal(part);
        else expect(Number(parts(changed)[i])).to.be.closeTo(Number(part), 2e-4);
      }
    });
  });
});
