import { expect } from 'chai';
import { checkModelJson } from '../../src/keras/model-json.js';
import { failure } from '../helpers.js';

const weight = (fields: object = {}) => ({ name: 'a', shape: [2, 3], dtype: 'float32', ...fields });
const manifest = (...weights: readonly unknown[]) => [{ paths: ['weights.bin'], weights }];
const withWeights = (...weights: readonly unknown[]) => ({ modelTopology: {}, weightsManifest: manifest(...weights) });
const withPaths = (...paths: readonly unknown[]) => ({ modelTopology: {}, weightsManifest: [{ paths, weights: [] }] });

/** A layer that is used so often as it has lists of [the name of a layer, which of its uses]. */
const layer = (name: string, ...uses: readonly (readonly [from: string, use: number])[][]) => ({
  name,
  class_name: 'Dense',
  config: {},
  inbound_nodes: uses.map((takes) => takes.map(([from, use]) => [from, use, 0, {}])),
});
const input = (name = 'in') => ({ name, class_name: 'InputLayer', config: {}, inbound_nodes: [] });
const withLayers = (...layers: readonly unknown[]) => ({ modelTopology: { class_name: 'Model', config: { layers } } });

describe('checkModelJson', () => {
  const sizes = (json: unknown) => checkModelJson(json, 'model.json').groups.map(({ bytes }) => bytes);

  it('says how many bytes each group of weights is', () => {
    const weights = [
      weight(), // 6 * 4
      weight({ name: 'b', shape: [], dtype: 'int32' }), // 4
      weight({ name: 'c', shape: [5], dtype: 'bool' }), // 5
      weight({ name: 'd', shape: [2], dtype: 'complex64' }), // 16
      weight({ name: 'e', shape: [7, 0] }), // 0
    ];
    expect(sizes(withWeights(...weights))).to.deep.equal([49]);
    const quantised = ['uint8', 'uint16', 'float16'].map((dtype, i) =>
      weight({ name: `q${i}`, quantization: { dtype } }),
    );
    expect(sizes(withWeights(...quantised))).to.deep.equal([6 + 12 + 12]);
    const two = [...manifest(weight()), { paths: ['b/1', 'b/2'], weights: [weight({ name: 'b', shape: [1] })] }];
    expect(sizes({ modelTopology: {}, weightsManifest: two })).to.deep.equal([24, 4]);
    expect(sizes({ modelTopology: {} })).to.deep.equal([]);
  });

  const accepted: Readonly<Record<string, unknown>> = {
    'a chain of layers': withLayers(input(), layer('a', [['in', 0]]), layer('b', [['a', 0]])),
    'layers in any order': withLayers(layer('b', [['a', 0]]), layer('a', [['in', 0]]), input()),
    'a layer that is used twice': withLayers(
      input(),
      layer('a', [['in', 0]], [['b', 0]]),
      layer('b', [['a', 0]]),
      layer('c', [
        ['a', 1],
        ['b', 0],
      ]),
    ),
    'a model in a model': withLayers(
      input(),
      { ...withLayers(input('x'), layer('y', [['x', 0]])).modelTopology, name: 'm', inbound_nodes: [[['in', 0, 0]]] },
      layer('z', [['m', 1]]),
    ),
    'a sequence': {
      modelTopology: { class_name: 'Sequential', config: { layers: [{ class_name: 'Dense', config: {} }] } },
    },
    "a model of Python's Keras": {
      modelTopology: { model_config: withLayers(input(), layer('a', [['in', 0]])).modelTopology },
    },
    'a graph': { modelTopology: { node: [{ name: 'x', op: 'Const' }] }, format: 'graph-model' },
  };
  for (const [name, json] of Object.entries(accepted)) {
    it(`accepts ${name}`, () => {
      expect(checkModelJson(json, 'model.json').json).to.equal(json);
    });
  }

  const inModel = '/modelTopology: wanted layers that take what other layers give, got {"name":"a"';
  const refused: Readonly<Record<string, readonly [json: unknown, message: string]>> = {
    'what is no object': [7, '/modelTopology: wanted an object, got undefined'],
    'no model': [{ modelTopology: 'x' }, '/modelTopology: wanted an object, got "x"'],
    'weights that are no list': [{ modelTopology: {}, weightsManifest: {} }, '/weightsManifest: wanted a list, got {}'],
    'a group that is none': [{ modelTopology: {}, weightsManifest: [null] }, '/weightsManifest/0/paths: wanted files'],
    'a group without weights': [
      { modelTopology: {}, weightsManifest: [{ paths: [] }] },
      '/weightsManifest/0/weights: wanted a list, got undefined',
    ],
    'a file above its folder': [
      withPaths('../weights.bin'),
      'wanted files in the folder of the model.json, got ["../weights.bin"]',
    ],
    'one further down and up': [withPaths('a/../../b'), 'wanted files in the folder'],
    'one behind a backslash': [withPaths('a\\..\\..\\b'), 'wanted files in the folder'],
    'one of the whole system': [withPaths('/etc/passwd'), 'wanted files in the folder'],
    'one of another drive': [withPaths('c:x'), 'wanted files in the folder'],
    'one of another machine': [withPaths('\\\\x\\y'), 'wanted files in the folder'],
    'a file without a name': [withPaths('a', ''), 'wanted files in the folder'],
    'a path that is no text': [withPaths(1), 'wanted files in the folder'],
    'a weight without a name': [
      withWeights(weight({ name: undefined })),
      '/weightsManifest/0/weights/0/name: wanted a name of its own',
    ],
    'a name twice': [
      withWeights(weight(), weight()),
      '/weightsManifest/0/weights/1/name: wanted a name of its own, got "a"',
    ],
    'a length below 0': [withWeights(weight({ shape: [-1] })), '/weights/0/shape: wanted a list of lengths, got [-1]'],
    'a length that is not whole': [withWeights(weight({ shape: [1.5] })), '/weights/0/shape'],
    'a shape that is none': [withWeights(weight({ shape: '3' })), '/weights/0/shape'],
    'weights that are texts': [
      withWeights(weight({ dtype: 'string' })),
      '/weights/0/dtype: wanted one of float32, int32, bool, complex64, got "string"',
    ],
    'a dtype from the prototype': [withWeights(weight({ dtype: 'constructor' })), '/weights/0/dtype'],
    'an unknown quantisation': [
      withWeights(weight({ quantization: { dtype: 'int8' } })),
      '/weights/0/dtype: wanted one of uint8, uint16, float16, got "int8"',
    ],
    'a layer that takes what is not there': [withLayers(input(), layer('a', [['b', 0]])), inModel],
    'layers in a circle': [withLayers(input(), layer('a', [['b', 0]]), layer('b', [['a', 0]])), inModel],
    'a layer that takes itself': [withLayers(input(), layer('a', [['a', 0]])), inModel],
    'a use that there is not': [withLayers(input(), layer('a', [['in', 1]])), inModel],
    'a use that is no number': [withLayers(input(), layer('a', [['in', 'x' as never]])), inModel],
    'nodes that are none': [withLayers(input(), { name: 'a', inbound_nodes: [5] }), inModel],
    'another spelling of the nodes': [withLayers({ name: 'a', inboundNodes: [[['b', 0, 0]]] }), inModel],
    'a circle in a model of the model': [
      withLayers(input(), { ...withLayers(layer('a', [['a', 0]])).modelTopology, name: 'm', inbound_nodes: [] }),
      '/modelTopology/config/layers/1: wanted layers that take',
    ],
    'one inside a wrapper': [
      withLayers({ name: 'w', config: { layer: withLayers(layer('a', [['a', 0]])).modelTopology } }),
      '/modelTopology/config/layers/0/config/layer: wanted layers that take',
    ],
    'more layers than any model has': [
      withLayers(...Array.from({ length: 10_001 }, () => input())),
      'wanted at most 10000 layers',
    ],
  };
  for (const [name, [json, message]] of Object.entries(refused)) {
    it(`refuses ${name}`, async () => {
      const error = await failure(() => checkModelJson(json, 'model.json'));
      expect(error.code).to.equal('E_CONFIG');
      expect(error.message).to.contain('model.json: ').and.to.contain(message);
    });
  }
});
