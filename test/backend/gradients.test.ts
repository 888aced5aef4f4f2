import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import '../../src/backend/gradients.js';

it('importing backend/gradients gives tfjs-core the gradients of its operations', () => {
  for (const name of ['DepthwiseConv2dNative', 'Conv2D', 'BatchMatMul', 'Mean', 'Transpose']) {
    expect(tf.getGradient(name), name).to.have.property('gradFunc');
  }
});

it('useBackend brings the gradients, for who trains a head and opens no model', async () => {
  const script = `
    import * as tf from '@tensorflow/tfjs-core';
    const { useBackend } = await import(${JSON.stringify(new URL('../../src/backend/use-backend.ts', import.meta.url).href)});
    await useBackend('cpu');
    console.log(tf.grad((x) => tf.mean(tf.square(x)))(tf.tensor1d([3, 4])).dataSync().join());`;
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--import',
    'tsx',
    '--input-type=module',
    '-e',
    script,
  ]);
  expect(stdout).to.equal('3,4\n'); // 2 * x / 2
});
