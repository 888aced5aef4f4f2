import type { CocoId, CocoTruth, CocoTruths } from '../metrics/coco.js';

/** An image of a COCO annotation file. What it lacks is asked for where it is needed. */
export interface CocoImage {
  readonly id: CocoId;
  readonly file_name?: string;
  readonly height?: number;
  readonly width?: number;
}

/** An object of a COCO annotation file. */
export interface CocoAnnotation extends CocoTruth {
  readonly id?: CocoId;
}

/** A COCO annotation file: pictures, categories, and what is where. */
export interface CocoDataset extends CocoTruths {
  readonly images: readonly CocoImage[];
  readonly annotations: readonly CocoAnnotation[];
}

/** A category as files have it. */
export type CategoryItem = CocoDataset['categories'][number] & { readonly supercategory?: unknown };

/** What a file holds, before anything is left out. */
export interface CocoFile extends CocoDataset {
  readonly categories: readonly CategoryItem[];
}
