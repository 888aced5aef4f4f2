/**
 * For programs written for tfjs-image-recognition-base: all that it exports, on the tfjs of this package, with its faults
 * mended, and ConvNeXt V2 and the detectors as its networks.
 */
import './engine.js';
import { registerCpuAtOnce } from '../backend/at-once.js';
import { registerChainedOps } from './chained-ops.js';
import { prepareEnvironment } from './environment.js';
import { tirb } from './load.js';
import { mend } from './mend.js';
import type * as surface from './surface.js';

export { Canvas } from './canvas.js';
export { CanvasRenderingContext2D } from './context.js';
export { bufferToImage, fetchImage, imageTensorToCanvas } from './environment.js';
export { type NetPicture, type OnePicture, type PictureInput, type SharpPicture, toNetInput } from './input.js';
export {
  ConvNextV2ClassifierNet,
  ConvNextV2Net,
  type ConvNextV2NetOptions,
  DetectorNet,
  type DetectorNetCall,
  type DetectorNetOptions,
} from './nets.js';
export { ModelNetwork, type NetworkModel, type ParamTree } from './network.js';
export { type Corners, fromObjectDetections, type Labels, toCorners, toObjectDetections, toRect } from './objects.js';
export { Image, ImageData, loadImage } from './picture.js';
export { nonMaxSuppression } from './suppression.js';
export type * from './surface.js';

registerCpuAtOnce();
registerChainedOps();
mend();
prepareEnvironment();

export const {
  BoundingBox,
  Box,
  Dimensions,
  LabeledBox,
  NetInput,
  NeuralNetwork,
  ObjectDetection,
  Point,
  PredictedBox,
  Rect,
  TfjsImageRecognitionBase,
  awaitMediaLoaded,
  computeReshapedDimensions,
  createCanvas,
  createCanvasFromMedia,
  draw,
  env,
  fetchJson,
  fetchNetWeights,
  fetchOrThrow,
  getCenterPoint,
  getContext2dOrThrow,
  getMediaDimensions,
  imageToSquare,
  inverseSigmoid,
  iou,
  isDimensions,
  isEven,
  isFloat,
  isMediaElement,
  isMediaLoaded,
  isTensor,
  isTensor1D,
  isTensor2D,
  isTensor3D,
  isTensor4D,
  isValidNumber,
  isValidProbablitiy,
  loadWeightMap,
  matchDimensions,
  minBbox,
  normalize,
  padToSquare,
  range,
  resolveInput,
  round,
  shuffleArray,
  sigmoid,
} = tirb;

export type BoundingBox = surface.BoundingBox;
export type Box = surface.Box;
export type Dimensions = surface.Dimensions;
export type LabeledBox = surface.LabeledBox;
export type NetInput = surface.NetInput;
export type NeuralNetwork<Params> = surface.NeuralNetwork<Params>;
export type ObjectDetection = surface.ObjectDetection;
export type Point = surface.Point;
export type PredictedBox = surface.PredictedBox;
export type Rect = surface.Rect;
