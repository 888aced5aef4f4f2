/**
 * For programs written for tfjs-image-recognition-base: all that it exports, on the tfjs of this package, with its faults
 * mended, and ConvNeXt V2 and the detectors as its networks.
 */
import './engine.js';
import { registerCpuAtOnce } from '../backend/at-once.js';
import { registerChainedOps } from './chained-ops.js';
import { prepareEnvironment } from './environment.js';
import { mend } from './mend.js';

export type { SharpPicture } from '../image/sharp.js';
export { Canvas } from './canvas.js';
export { CanvasRenderingContext2D } from './context.js';
export { bufferToImage, fetchImage, imageTensorToCanvas } from './environment.js';
export { type NetPicture, type OnePicture, type PictureInput, toNetInput } from './input.js';
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
export * from './original.js';
export { Image, ImageData, loadImage } from './picture.js';
export { nonMaxSuppression } from './suppression.js';

registerCpuAtOnce();
registerChainedOps();
mend();
prepareEnvironment();
