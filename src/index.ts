import { convNext, convNextV2 } from '../backbones/convnext/index.js';
import { fcos } from '../heads/fcos/index.js';
import { fasterRCNN, maskRCNN } from '../heads/rcnn/index.js';
import { retinaNet } from '../heads/retinanet/index.js';
import { upernet } from '../heads/upernet/index.js';
import { createRegistry, setDefaultRegistry } from './registry.js';

export * from '../backbones/convnext/index.js';
export type { DetectorConfigInit } from '../heads/detection/config.js';
export type { Observe } from '../heads/detection/observe.js';
export * from '../heads/fcos/index.js';
export * from '../heads/rcnn/index.js';
export * from '../heads/retinanet/index.js';
export * from '../heads/upernet/index.js';
export { type BackendName, type BackendReport, useBackend } from './backend/use-backend.js';
export { type KnownModel, knownModels } from './config/known-models.js';
export { alignSelection } from './config/selection.js';
export type * from './contracts.js';
export { checkLabelledPictures, findLabelledPictures, type LabelledPicture, readLabels } from './data/ade20k.js';
export type { CheckOptions } from './data/check-all.js';
export { type CocoReadOptions, type CocoResultOptions, readCocoAnnotations, readCocoResults } from './data/coco.js';
export type { CocoAnnotation, CocoDataset, CocoImage } from './data/coco-dataset.js';
export { type CocoPictureCheckOptions, checkCocoPictures, findCocoPictures } from './data/coco-pictures.js';
export { cocoTargets } from './data/coco-targets.js';
export { ConvNextV2Error, ERROR_CODES, type ErrorCode, type Problem } from './errors.js';
export { AutoImageProcessor } from './image/auto.js';
export { decodeImage } from './image/decode.js';
export { type DrawnObject, detectionPicture } from './image/detection-picture.js';
export { encodePng, featurePicture, pictureSheet, type Tile } from './image/draw.js';
export type { EncodedSource, ImageSource } from './image/image-source.js';
export { type Colour, encodeLabelPng, type LabelMap, readLabelPng } from './image/label-png.js';
export type { ImageLimits } from './image/limits.js';
export { Mask } from './image/mask.js';
export { classColours } from './image/palette.js';
export { type PilFilter, resizePil } from './image/pil-resize.js';
export { ConvNextImageProcessor } from './image/processor.js';
export type { RawImage } from './image/raw-image.js';
export { SegformerImageProcessor, type SegformerProcessorOptions } from './image/segformer-processor.js';
export { type LegendEntry, segmentationPicture } from './image/segmentation-picture.js';
export type { SharpPicture } from './image/sharp.js';
export { AdamWOptimizer } from './keras/adamw-optimizer.js';
export { asDataset, type Batch } from './keras/dataset.js';
export type { CallOptions } from './keras/form.js';
export type { KerasInput } from './keras/keras-model.js';
export type { CocoId, CocoKind, CocoResult, CocoTruth, CocoTruths } from './metrics/coco.js';
export { type CategoryStats, type CocoStats, evaluateCoco } from './metrics/coco-eval.js';
export {
  type ClassScores,
  createMeanIoU,
  type MeanIoU,
  type MeanIoUOptions,
  type SegmentationScores,
} from './metrics/mean-iou.js';
export * as layers from './nn/layers.js';
export { countParameters, createScope, initializeParameters } from './nn/scope.js';
export { freezeStages } from './nn/stages.js';
export * as ops from './ops/index.js';
export { createRegistry, defaultRegistry, definePlugin, type Registry, setDefaultRegistry } from './registry.js';
export type { ClassifyOptions, ClassScore, ImageClassificationPipeline } from './tasks/classification.js';
export { type Conversion, type ConvertDtype, type ConvertOptions, convertCheckpoint } from './tasks/convert.js';
export type {
  DetectedObject,
  DetectOptions,
  ObjectDetectionPipeline,
} from './tasks/detection.js';
export type { ExtractorOptions, FeatureMapData, Pool } from './tasks/extractor.js';
export {
  type Extracted,
  type ExtractOptions,
  extractFeatures,
  type ImageFeatureExtractionPipeline,
} from './tasks/features.js';
export { type InspectOptions, inspectModel, type ModelInspection } from './tasks/inspect.js';
export type { Pipeline } from './tasks/make-pipeline.js';
export { type PipelineOf, type PipelineOptions, pipeline, type Task } from './tasks/pipeline.js';
export type { SegmentOptions } from './tasks/segment-options.js';
export {
  type Segment,
  type Segmentation,
  type SemanticSegmentationPipeline,
  segmentImage,
} from './tasks/segmentation.js';
export type { PictureProcessor, StreamOptions } from './tasks/stream.js';
export { type Verification, verifyCheckpoints } from './tasks/verify.js';
export { AdamW, type AdamWOptions, type ParameterGroup } from './train/adamw.js';
export {
  AutoBackbone,
  AutoConfig,
  AutoModel,
  AutoModelForImageClassification,
  AutoModelForInstanceSegmentation,
  AutoModelForObjectDetection,
  AutoModelForSemanticSegmentation,
  createModel,
} from './weights/auto.js';
export { openSafetensors, openShardedSafetensors, readSafetensors } from './weights/checkpoint.js';
export type { HubOptions, Progress } from './weights/hub/settings.js';
export { openCheckpoint } from './weights/open-checkpoint.js';
export type { ModelOptions, PretrainedOptions } from './weights/pretrained-options.js';
export { renameCheckpoint } from './weights/rename.js';
export { reportTable } from './weights/report.js';
export type { SourceOptions } from './weights/source.js';
export { permuted } from './weights/strided.js';
export { writeSafetensors } from './weights/write-safetensors.js';

// the one side effect of importing this package
setDefaultRegistry(createRegistry([convNextV2, convNext, upernet, fasterRCNN, maskRCNN, retinaNet, fcos]));
