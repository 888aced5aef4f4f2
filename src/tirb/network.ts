import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { ensureBackend } from '../backend/use-backend.js';
import { readJsonFile } from '../config/read-json.js';
import type { Parameter, Parameters, Scope } from '../contracts.js';
import { ConvNextV2Error, didYouMean, type Problem, show } from '../errors.js';
import { createScope } from '../nn/scope.js';
import { tirb } from './load.js';
import { fetchManifest, isManifestUrl, readManifest } from './manifest.js';
import type { ExtractedParams, NamedParam } from './surface.js';

/** Parameters as a network of tfjs-image-recognition-base holds them: by the parts of their paths. */
export interface ParamTree {
  [part: string]: ParamTree | tf.Tensor;
}

/** A model of this package, as a network needs it. */
export interface NetworkModel {
  readonly parameters: Parameters;
  dispose(): void;
}

/**
 * A model of this package as a `NeuralNetwork` of tfjs-image-recognition-base. The path of a parameter is its name in the
 * checkpoint with `/` for `.`; its tensor lies as tfjs computes with it. All are variables: which are frozen is what
 * `getFrozenParams` says, and only the others are trained.
 */
export abstract class ModelNetwork<Model extends NetworkModel> extends tirb.NeuralNetwork<ParamTree> {
  readonly #modelName: string;
  #model: Model | undefined;

  /** `modelName` is what the manifest of weights of such a network is called by, as `NAME-weights_manifest.json`. */
  constructor(name: string, modelName: string) {
    super(name);
    this.#modelName = modelName;
  }

  /** The model behind it, which gives the same numbers. Throws E_DISPOSED while nothing is loaded. */
  get model(): Model {
    return this.#model ?? this.#refuse('one that has loaded nothing, or was disposed');
  }

  /** The model for weights that come without a config. */
  protected abstract create(scope: Scope): Model;

  /** The model of a source of this package: see `fromPretrained`. */
  protected abstract open(source: string | URL): Promise<Model>;

  /** Loads all weights one after the other, as `serializeParams` gives them, or what `loadFromUri` takes. */
  override async load(weightsOrSource: Float32Array | string | URL | undefined): Promise<void> {
    if (!(weightsOrSource instanceof Float32Array)) return this.loadFromUri(weightsOrSource);
    await ensureBackend();
    this.extractWeights(weightsOrSource);
  }

  /**
   * Loads from a URL of a weights manifest of tfjs, or of the folder that it lies in; or from what `fromPretrained` takes: the id
   * of a model of the Hub, the URL of another file, a path, the name of a shipped config. Throws as that does, and E_NETWORK.
   */
  override async loadFromUri(uri: string | URL | undefined): Promise<void> {
    const source = this.#checkSource('uri', uri);
    const url = URL.canParse(source) ? new URL(source) : undefined;
    if (!url || !isManifestUrl(url)) return this.#open(source);
    await ensureBackend();
    this.#takeOrFree(await fetchManifest(url, this.#modelName));
  }

  /**
   * Loads from a weights manifest of tfjs, or the folder that it lies in, or from a folder or file that `fromPretrained` takes.
   * Throws as that does.
   */
  override async loadFromDisk(path: string | undefined): Promise<void> {
    const source = String(this.#checkSource('path', path));
    const inFolder = join(source, `${this.#modelName}-weights_manifest.json`);
    const file = (await isFile(inFolder)) ? inFolder : source;
    const manifest = file.endsWith('.json') && (await isFile(file)) ? await readJsonFile(file) : undefined;
    if (!Array.isArray(manifest)) return this.#open(source);
    await ensureBackend();
    this.#takeOrFree(await readManifest(manifest, file));
  }

  /** Throws E_ARGUMENT for the path of no parameter. */
  override getParamFromPath(path: string): tf.Variable {
    return this.#parameterAt(path).variable;
  }

  /** Takes over the values of a tensor, and frees it: it belongs to the network. Throws E_WEIGHTS where it does not fit. */
  override reassignParamFromPath(path: string, tensor: tf.Tensor): void {
    const parameter = this.#parameterAt(path);
    const problem = misfit(path, tensor, parameter.variable);
    if (problem) throw new ConvNextV2Error('E_WEIGHTS', problem);
    parameter.variable.assign(tensor);
    tensor.dispose();
  }

  override getTrainableParams(): NamedParam[] {
    return this.getParamList().filter(({ path }) => this.#parameterAt(path).trainable);
  }

  override getFrozenParams(): NamedParam[] {
    return this.getParamList().filter(({ path }) => !this.#parameterAt(path).trainable);
  }

  /** All values one after the other, in the order of `getParamList`. Throws E_DISPOSED while nothing is loaded. */
  override serializeParams(): Float32Array {
    if (!this.#model) this.#refuse('one that has loaded nothing, or was disposed');
    return super.serializeParams();
  }

  /** Takes all parameters into training, but the running statistics of batch norms, which are never trained. */
  override variable(): void {
    for (const parameter of this.model.parameters.values()) parameter.trainable = true;
  }

  /** Takes all parameters out of training. */
  override freeze(): void {
    for (const parameter of this.model.parameters.values()) parameter.trainable = false;
  }

  /** Frees the weights; others can be loaded afterwards. A second time throws E_DISPOSED, unless `throwOnRedispose` is false. */
  override dispose(throwOnRedispose = true): void {
    if (!this.#model && throwOnRedispose) this.#refuse('one that was disposed');
    this.#model?.dispose();
    this.#model = undefined;
    this._params = undefined;
    this._paramMappings = [];
  }

  protected override getDefaultModelName(): string {
    return this.#modelName;
  }

  protected override extractParams(weights: Float32Array): ExtractedParams<ParamTree> {
    return this.#fill((parameters) => {
      const variables = Array.from(parameters.values(), ({ variable }) => variable);
      const size = variables.reduce((sum, variable) => sum + variable.size, 0);
      if (!(weights instanceof Float32Array) || weights.length !== size) {
        const got = weights instanceof Float32Array ? String(weights.length) : show(weights);
        throw new ConvNextV2Error('E_WEIGHTS', { path: 'weights', wanted: `a Float32Array of ${size}`, got });
      }
      let at = 0;
      for (const variable of variables) {
        const values = weights.slice(at, at + variable.size);
        tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
        at += variable.size;
      }
    });
  }

  /** The tensors are the network's from then on, and freed; they may go by paths or by the names of the checkpoint. */
  protected override extractParamsFromWeigthMap(weightMap: tf.NamedTensorMap): ExtractedParams<ParamTree> {
    const given: tf.NamedTensorMap = Object(weightMap);
    const filled = this.#fill((parameters) => {
      const problems: Problem[] = [];
      const assignments: (() => void)[] = [];
      const unused = Object.keys(given).filter((name) => !parameters.has(name.replaceAll('/', '.')));
      for (const { name, variable } of parameters.values()) {
        const tensor = given[pathOf(name)] ?? given[name];
        const problem = misfit(pathOf(name), tensor, variable);
        if (!problem) assignments.push(() => variable.assign(tensor));
        else problems.push(tensor ? problem : { ...problem, suggestion: didYouMean(pathOf(name), unused) });
      }
      if (problems.length > 0) throw new ConvNextV2Error('E_WEIGHTS', problems);
      for (const assign of assignments) assign();
    });
    tf.dispose(given);
    return filled;
  }

  /** The model that is loaded, or else a new one, with values from `fill`, which throws before it has changed any. */
  #fill(fill: (parameters: Parameters) => void): ExtractedParams<ParamTree> {
    if (this.#model) {
      fill(this.#model.parameters);
      return extracted(this.#model);
    }
    const scope = createScope();
    const model = this.create(scope);
    try {
      for (const parameter of scope.parameters.values()) parameter.fill(new Float32Array(parameter.size));
      fill(model.parameters);
    } catch (error) {
      model.dispose();
      throw error;
    }
    return this.#take(model);
  }

  async #open(source: string | URL): Promise<void> {
    const { params, paramMappings } = this.#take(await this.open(source));
    this._params = params;
    this._paramMappings = paramMappings;
  }

  #takeOrFree(weightMap: tf.NamedTensorMap): void {
    try {
      this.loadFromWeightMap(weightMap);
    } finally {
      tf.dispose(weightMap);
    }
  }

  #take(model: Model): ExtractedParams<ParamTree> {
    this.#model?.dispose();
    this.#model = model;
    return extracted(model);
  }

  #parameterAt(path: string): Parameter {
    const { parameters } = this.model;
    const parameter = parameters.get(String(path).replaceAll('/', '.'));
    if (parameter) return parameter;
    const suggestion = didYouMean(String(path), [...parameters.keys()].map(pathOf));
    throw new ConvNextV2Error('E_ARGUMENT', {
      path: 'path',
      wanted: 'that of a parameter',
      got: show(path),
      suggestion,
    });
  }

  #checkSource(path: string, source: string | URL | undefined): string | URL {
    if ((typeof source === 'string' && source !== '') || source instanceof URL) return source;
    throw new ConvNextV2Error('E_ARGUMENT', { path, wanted: 'where the weights are', got: show(source) });
  }

  #refuse(got: string): never {
    throw new ConvNextV2Error('E_DISPOSED', {
      path: this._name,
      wanted: 'a network with weights',
      got,
      suggestion: 'await its load()',
    });
  }
}

const extracted = ({ parameters }: NetworkModel): ExtractedParams<ParamTree> => ({
  params: treeOf(parameters),
  paramMappings: [...parameters.keys()].map((name) => ({ originalPath: name, paramPath: pathOf(name) })),
});

const pathOf = (name: string): string => name.replaceAll('.', '/');

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

/** What keeps a tensor from being this variable's values. */
function misfit(path: string, tensor: tf.Tensor | undefined, { dtype, shape }: tf.Variable): Problem | undefined {
  const describe = (dtype: string, shape: readonly number[]) => `${dtype} ${show(shape)}`;
  const wanted = describe(dtype, shape);
  const got = tensor instanceof tf.Tensor && !tensor.isDisposed ? describe(tensor.dtype, tensor.shape) : 'no tensor';
  return got === wanted ? undefined : { path, wanted, got };
}

/** The tree whose leaves are the parameters. */
function treeOf(parameters: Parameters): ParamTree {
  const tree: ParamTree = {};
  for (const [name, { variable }] of parameters) {
    const parts = name.split('.');
    const last = parts.pop()!;
    let node = tree;
    for (const part of parts) {
      node[part] ??= {};
      node = node[part] as ParamTree;
    }
    node[last] = variable;
  }
  return tree;
}
