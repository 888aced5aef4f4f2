// What tfjs-image-recognition-base 0.6 exports, in the types of tfjs 4: its own declarations are in those of tfjs 1, to which no
// tensor of today can be passed. Nothing here exists at run time.
import type * as tf from '@tensorflow/tfjs-core';

export interface IPoint {
  x: number;
  y: number;
}
export interface IDimensions {
  width: number;
  height: number;
}
export interface IRect extends IPoint, IDimensions {}
export interface IBoundingBox {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export declare class Point implements IPoint {
  constructor(x: number, y: number);
  readonly x: number;
  readonly y: number;
  add(point: IPoint): Point;
  sub(point: IPoint): Point;
  mul(point: IPoint): Point;
  div(point: IPoint): Point;
  abs(): Point;
  magnitude(): number;
  floor(): Point;
}

export declare class Dimensions implements IDimensions {
  constructor(width: number, height: number);
  readonly width: number;
  readonly height: number;
  reverse(): Dimensions;
}

export declare class Box implements IBoundingBox, IRect {
  static isRect(rect: unknown): boolean;
  static assertIsValidBox(box: unknown, callee: string, allowNegativeDimensions?: boolean): void;
  constructor(box: IBoundingBox | IRect, allowNegativeDimensions?: boolean);
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly area: number;
  readonly topLeft: Point;
  readonly topRight: Point;
  readonly bottomLeft: Point;
  readonly bottomRight: Point;
  round(): Box;
  floor(): Box;
  toSquare(): Box;
  rescale(by: IDimensions | number): Box;
  pad(padX: number, padY: number): Box;
  clipAtImageBorders(imageWidth: number, imageHeight: number): Box;
  shift(byX: number, byY: number): Box;
  padAtBorders(
    imageHeight: number,
    imageWidth: number,
  ): Readonly<Record<'dy' | 'edy' | 'dx' | 'edx' | 'y' | 'ey' | 'x' | 'ex' | 'w' | 'h', number>>;
  calibrate(region: Box): Box;
}

export declare class BoundingBox extends Box {
  constructor(left: number, top: number, right: number, bottom: number, allowNegativeDimensions?: boolean);
}

export declare class Rect extends Box {
  constructor(x: number, y: number, width: number, height: number, allowNegativeDimensions?: boolean);
}

export declare class LabeledBox extends Box {
  static assertIsValidLabeledBox(box: unknown, callee: string): void;
  constructor(box: IBoundingBox | IRect, label: number);
  readonly label: number;
}

export declare class PredictedBox extends LabeledBox {
  static assertIsValidPredictedBox(box: unknown, callee: string): void;
  constructor(box: IBoundingBox | IRect, label: number, score: number, classScore: number);
  readonly score: number;
  readonly classScore: number;
}

export declare class ObjectDetection {
  constructor(score: number, classScore: number, className: string, relativeBox: IRect, imageDims: IDimensions);
  readonly score: number;
  readonly classScore: number;
  readonly className: string;
  readonly box: Box;
  readonly imageDims: Dimensions;
  readonly imageWidth: number;
  readonly imageHeight: number;
  readonly relativeBox: Box;
  forSize(width: number, height: number): ObjectDetection;
}

/** A picture, a canvas or a video: what the environment says they are. */
export type TMediaElement = IDimensions;
export type TResolvedNetInput = TMediaElement | tf.Tensor3D | tf.Tensor4D;
export type TNetInputArg = string | TResolvedNetInput;
export type TNetInput = TNetInputArg | readonly TNetInputArg[] | NetInput;

/** What is drawn on; `getContext('2d')` gives its context. */
export interface CanvasElement extends IDimensions {
  getContext(type: '2d'): unknown;
}
/** A canvas, its context, or in a browser the id of its element. */
export type CanvasArg = string | CanvasElement | object;

export declare class NetInput {
  constructor(inputs: readonly TResolvedNetInput[], treatAsBatchInput?: boolean);
  readonly imageTensors: (tf.Tensor3D | tf.Tensor4D)[];
  readonly canvases: CanvasElement[];
  readonly isBatchInput: boolean;
  readonly batchSize: number;
  readonly inputDimensions: number[][];
  readonly inputSize: number | undefined;
  readonly reshapedInputDimensions: Dimensions[];
  getInput(index: number): tf.Tensor3D | tf.Tensor4D | CanvasElement;
  getInputDimensions(index: number): number[];
  getInputHeight(index: number): number;
  getInputWidth(index: number): number;
  getReshapedInputDimensions(index: number): Dimensions;
  toBatchTensor(inputSize: number, isCenterInputs?: boolean): tf.Tensor4D;
}

export interface ParamMapping {
  originalPath?: string;
  paramPath: string;
}
export interface ExtractedParams<Params> {
  params: Params;
  paramMappings: ParamMapping[];
}
export interface NamedParam {
  path: string;
  tensor: tf.Tensor;
}

export declare abstract class NeuralNetwork<Params> {
  protected _name: string;
  protected _params: Params | undefined;
  protected _paramMappings: ParamMapping[];
  constructor(name: string);
  get params(): Params | undefined;
  get paramMappings(): ParamMapping[];
  get isLoaded(): boolean;
  getParamFromPath(path: string): tf.Tensor;
  reassignParamFromPath(path: string, tensor: tf.Tensor): void;
  getParamList(): NamedParam[];
  getTrainableParams(): NamedParam[];
  getFrozenParams(): NamedParam[];
  variable(): void;
  freeze(): void;
  dispose(throwOnRedispose?: boolean): void;
  serializeParams(): Float32Array;
  load(weightsOrUrl: Float32Array | string | undefined): Promise<void>;
  loadFromUri(uri: string | undefined): Promise<void>;
  loadFromDisk(filePath: string | undefined): Promise<void>;
  loadFromWeightMap(weightMap: tf.NamedTensorMap): void;
  extractWeights(weights: Float32Array): void;
  protected abstract getDefaultModelName(): string;
  protected abstract extractParamsFromWeigthMap(weightMap: tf.NamedTensorMap): ExtractedParams<Params>;
  protected abstract extractParams(weights: Float32Array): ExtractedParams<Params>;
}

export type Maker = new (...args: never[]) => unknown;

export interface FileSystem {
  readFile(path: string): Promise<Uint8Array>;
}
export interface Environment extends FileSystem {
  Canvas: Maker;
  CanvasRenderingContext2D: Maker;
  Image: Maker;
  ImageData: Maker;
  Video: Maker;
  createCanvasElement(): CanvasElement;
  createImageElement(): IDimensions;
  fetch(url: string, init?: RequestInit): Promise<Response>;
}
export declare const env: {
  getEnv(): Environment;
  setEnv(environment: Environment): void;
  initialize(): void;
  createBrowserEnv(): Environment;
  createFileSystem(fs?: unknown): FileSystem;
  createNodejsEnv(): Environment;
  monkeyPatch(environment: Partial<Environment>): void;
  isBrowser(): boolean;
  isNodejs(): boolean;
};

export declare function awaitMediaLoaded(media: TMediaElement): Promise<unknown>;
export declare function createCanvas(size: IDimensions): CanvasElement;
export declare function createCanvasFromMedia(media: TMediaElement, size?: IDimensions): CanvasElement;
export declare function fetchJson<T>(uri: string): Promise<T>;
export declare function fetchNetWeights(uri: string): Promise<Float32Array>;
export declare function fetchOrThrow(url: string, init?: RequestInit): Promise<Response>;
export declare function getContext2dOrThrow(canvas: CanvasArg): unknown;
export declare function getMediaDimensions(input: IDimensions): Dimensions;
export declare function imageToSquare(input: TMediaElement, inputSize: number, centerImage?: boolean): CanvasElement;
export declare function isMediaElement(input: unknown): boolean;
export declare function isMediaLoaded(media: TMediaElement): boolean;
export declare function loadWeightMap(uri: string | undefined, defaultModelName: string): Promise<tf.NamedTensorMap>;
export declare function matchDimensions(
  input: IDimensions,
  reference: IDimensions,
  useMediaDimensions?: boolean,
): { width: number; height: number };
export declare function resolveInput(input: unknown): unknown;

export declare function iou(a: Box, b: Box, isIOU?: boolean): number;
export declare function minBbox(points: IPoint[]): BoundingBox;
export declare function normalize(x: tf.Tensor4D, meanRgb: number[]): tf.Tensor4D;
export declare function padToSquare(image: tf.Tensor4D, isCenterImage?: boolean): tf.Tensor4D;
export declare function shuffleArray<T>(list: T[]): T[];
export declare function sigmoid(x: number): number;
export declare function inverseSigmoid(x: number): number;

export declare function isTensor(tensor: unknown, rank: number): boolean;
export declare function isTensor1D(tensor: unknown): tensor is tf.Tensor1D;
export declare function isTensor2D(tensor: unknown): tensor is tf.Tensor2D;
export declare function isTensor3D(tensor: unknown): tensor is tf.Tensor3D;
export declare function isTensor4D(tensor: unknown): tensor is tf.Tensor4D;
export declare function isFloat(value: number): boolean;
export declare function isEven(value: number): boolean;
export declare function round(value: number, digits?: number): number;
export declare function isDimensions(value: unknown): boolean;
export declare function computeReshapedDimensions(size: IDimensions, inputSize: number): Dimensions;
export declare function getCenterPoint(points: Point[]): Point;
export declare function range(count: number, start: number, step: number): number[];
export declare function isValidNumber(value: unknown): boolean;
export declare function isValidProbablitiy(value: unknown): boolean;

export type Anchor = 'TOP_LEFT' | 'TOP_RIGHT' | 'BOTTOM_LEFT' | 'BOTTOM_RIGHT';
export interface IDrawTextFieldOptions {
  anchorPosition?: Anchor;
  backgroundColor?: string;
  fontColor?: string;
  fontSize?: number;
  fontStyle?: string;
  padding?: number;
}
export interface IDrawBoxOptions {
  boxColor?: string;
  lineWidth?: number;
  drawLabelOptions?: IDrawTextFieldOptions;
  label?: string;
}
export interface DrawBox {
  box: Box;
  options: IDrawBoxOptions;
  draw(canvas: CanvasArg): void;
}
export interface DrawTextField {
  text: string[];
  anchor: IPoint;
  options: Required<IDrawTextFieldOptions>;
  measureWidth(context: object): number;
  measureHeight(): number;
  getUpperLeft(context: object, canvasSize?: IDimensions): IPoint;
  draw(canvas: CanvasArg): void;
}
export declare const draw: {
  readonly AnchorPosition: { readonly [K in Anchor]: K };
  readonly DrawBox: new (box: IBoundingBox | IRect, options?: IDrawBoxOptions) => DrawBox;
  readonly DrawBoxOptions: new (options?: IDrawBoxOptions) => IDrawBoxOptions;
  readonly DrawTextField: new (
    text: string | string[] | DrawTextField,
    anchor: IPoint,
    options?: IDrawTextFieldOptions,
  ) => DrawTextField;
  readonly DrawTextFieldOptions: new (options?: IDrawTextFieldOptions) => Required<IDrawTextFieldOptions>;
};

export interface ConvParams {
  filters: tf.Tensor4D;
  bias: tf.Tensor1D;
}
export interface FCParams {
  weights: tf.Tensor2D;
  bias: tf.Tensor1D;
}
export interface SeparableConvParams {
  depthwise_filter: tf.Tensor4D;
  pointwise_filter: tf.Tensor4D;
  bias: tf.Tensor1D;
}
export type ExtractWeights = (count: number) => Float32Array;
export interface TinyYolov2Config {
  withSeparableConvs: boolean;
  iouThreshold: number;
  anchors: Point[];
  classes: string[];
  meanRgb?: [number, number, number];
  withClassScores?: boolean;
  filterSizes?: number[];
  isFirstLayerConv2d?: boolean;
}
export interface ITinyYolov2Options {
  inputSize?: number;
  scoreThreshold?: number;
}
export interface TinyYolov2 extends NeuralNetwork<unknown> {
  readonly config: TinyYolov2Config;
  readonly withClassScores: boolean;
  readonly boxEncodingSize: number;
  forwardInput(input: NetInput, inputSize: number): tf.Tensor4D;
  forward(input: TNetInput, inputSize: number): Promise<tf.Tensor4D>;
  detect(input: TNetInput, options?: ITinyYolov2Options): Promise<ObjectDetection[]>;
}
export declare const TfjsImageRecognitionBase: {
  convLayer(x: tf.Tensor4D, params: ConvParams, padding?: 'valid' | 'same', withRelu?: boolean): tf.Tensor4D;
  disposeUnusedWeightTensors(weightMap: tf.NamedTensorMap, paramMappings: ParamMapping[]): void;
  extractConvParamsFactory(
    extractWeights: ExtractWeights,
    paramMappings: ParamMapping[],
  ): (channelsIn: number, channelsOut: number, filterSize: number, mappedPrefix: string) => ConvParams;
  extractFCParamsFactory(
    extractWeights: ExtractWeights,
    paramMappings: ParamMapping[],
  ): (channelsIn: number, channelsOut: number, mappedPrefix: string) => FCParams;
  extractSeparableConvParamsFactory(
    extractWeights: ExtractWeights,
    paramMappings: ParamMapping[],
  ): (channelsIn: number, channelsOut: number, mappedPrefix: string) => SeparableConvParams;
  loadSeparableConvParamsFactory(
    extractWeightEntry: <T>(originalPath: string, rank: number) => T,
  ): (prefix: string) => SeparableConvParams;
  extractWeightEntryFactory(
    weightMap: tf.NamedTensorMap,
    paramMappings: ParamMapping[],
  ): <T>(originalPath: string, rank: number, mappedPath?: string) => T;
  extractWeightsFactory(weights: Float32Array): {
    extractWeights: ExtractWeights;
    getRemainingWeights(): Float32Array;
  };
  getModelUris(uri: string | undefined, defaultModelName: string): { modelBaseUri: string; manifestUri: string };
  readonly SeparableConvParams: new (
    depthwiseFilter: tf.Tensor4D,
    pointwiseFilter: tf.Tensor4D,
    bias: tf.Tensor1D,
  ) => SeparableConvParams;
  readonly TinyYolov2: { new (config: TinyYolov2Config): TinyYolov2; DEFAULT_FILTER_SIZES: number[] };
  readonly TinyYolov2Options: new (options?: ITinyYolov2Options) => Readonly<Required<ITinyYolov2Options>>;
  readonly TinyYolov2SizeType: Readonly<Record<'XS' | 'SM' | 'MD' | 'LG', number>>;
  validateConfig(config: unknown): void;
};
