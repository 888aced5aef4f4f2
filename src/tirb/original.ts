// What tfjs-image-recognition-base exports, under its names, but for what is better here: see index.ts.
import { tirb } from './load.js';
import type * as surface from './surface.js';

export type * from './surface.js';

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
