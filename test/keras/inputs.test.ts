import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/backend/use-backend.js';
import { unpackInputs } from '../../src/keras/inputs.js';
import { failure } from '../helpers.js';

const CLASSIFIER = ['pixelValues', 'labels'];

describe('unpackInputs', () => {
  let x: tf.Tensor4D;
  let labels: tf.Tensor1D;

  before(async () => {
    await useBackend('cpu');
    x = tf.zeros([1, 4, 4, 3]);
    labels = tf.tensor1d([0], 'int32');
  });
  after(() => tf.dispose([x, labels]));

  it('takes a tensor, a list and a record', () => {
    for (const input of [x, [x], { pixelValues: x }, { pixel_values: x }]) {
      const { pixels, options } = unpackInputs(input, {}, CLASSIFIER);
      expect(pixels).to.equal(x);
      expect(options).to.deep.equal({});
    }
    for (const input of [[x, labels], { pixel_values: x, labels }]) {
      const { pixels, options } = unpackInputs<{ labels: tf.Tensor }>(input, {}, CLASSIFIER);
      expect(pixels).to.equal(x);
      expect(Object.keys(options)).to.deep.equal(['labels']);
      expect(options.labels).to.equal(labels);
    }
  });

  it('takes options in the record or beside it, in either spelling', () => {
    const wanted = { training: true, outputHiddenStates: false, seed: 0 };
    const calls: readonly [input: unknown, options: object][] = [
      [x, wanted],
      [{ pixelValues: x, ...wanted }, {}],
      [{ pixelValues: x, training: true, output_hidden_states: false }, { seed: 0 }],
    ];
    for (const [input, options] of calls) {
      expect(unpackInputs(input, options, CLASSIFIER).options).to.deep.equal(wanted);
    }
  });

  it('counts null and undefined as not given', () => {
    const { options } = unpackInputs(
      { pixelValues: x, pixel_values: null, labels: undefined },
      { seed: null },
      CLASSIFIER,
    );
    expect(options).to.deep.equal({});
    expect(unpackInputs([x, null], {}, CLASSIFIER).options).to.deep.equal({});
  });

  const refused: Readonly<Record<string, readonly [input: () => unknown, options: object, message: string]>> = {
    'a name that it does not know': [
      () => ({ pixelValues: x, label: labels }),
      {},
      'got "label" (did you mean "labels"?)',
    ],
    'a misspelt one': [() => ({ pixel_value: x }), {}, '(did you mean "pixel_values"?)'],
    'an option that it does not know': [() => x, { train: true }, 'got "train"'],
    'both spellings': [() => ({ pixelValues: x, pixel_values: x }), {}, 'wanted pixelValues once, got it twice'],
    'an option in both places': [
      () => ({ pixelValues: x, training: true }),
      { training: false },
      'wanted training once',
    ],
    'labels in both places': [() => [x, labels], { labels: 1 }, 'wanted labels once'],
    'a list that is too long': [() => [x, labels, x], {}, 'wanted a list [pixelValues, labels], got one of 3'],
    'an empty list': [() => [], {}, 'wanted pixelValues, got none'],
    'a record without pictures': [() => ({ labels }), {}, 'wanted pixelValues, got none'],
    nothing: [() => undefined, {}, 'wanted a tensor, a list of tensors, or a record of them, got undefined'],
    null: [() => null, {}, 'got null'],
    'a number': [() => 3, {}, 'got 3'],
  };
  for (const [name, [input, options, message]] of Object.entries(refused)) {
    it(`refuses ${name}`, async () => {
      const error = await failure(() => unpackInputs(input(), options, CLASSIFIER));
      expect(error.code).to.equal('E_ARGUMENT');
      expect(error.message).to.contain(message);
    });
  }

  it('refuses labels for a model without', async () => {
    const { message } = await failure(() => unpackInputs({ pixelValues: x, labels }, {}, ['pixelValues']));
    expect(message).to.contain('wanted one of pixelValues, training, seed, outputHiddenStates, got "labels"');
  });
});
