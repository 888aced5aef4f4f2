import { ConvNextV2Error } from '../errors.js';
import type { RawImage } from './raw-image.js';

/** sharp, loaded on first use, so that all that needs no picture files runs without it. Throws E_PEER. */
export async function loadSharp(): Promise<typeof import('sharp').default> {
  try {
    return (await import('sharp')).default;
  } catch (cause) {
    throw new ConvNextV2Error(
      'E_PEER',
      {
        path: 'sharp',
        wanted: 'the package sharp, which decodes and encodes pictures',
        got: (cause as Error).message.trim().split('\n')[0],
        suggestion: 'npm install sharp',
      },
      { cause },
    );
  }
}

interface SharpPipeline {
  removeAlpha(): SharpPipeline;
  toColourspace(space: string): SharpPipeline;
  raw(): SharpPipeline;
  toBuffer(options: { resolveWithObject: true }): Promise<{
    readonly data: Uint8Array;
    readonly info: { readonly width: number; readonly height: number; readonly channels: number };
  }>;
}

/** A picture that sharp has opened. What its owner has told it to do is done; the orientation of a photograph, too, only then. */
export interface SharpPicture {
  clone(): SharpPipeline;
}

export const isSharp = (picture: unknown): picture is SharpPicture =>
  ['clone', 'toColourspace', 'raw', 'toBuffer'].every((name) => typeof Object(picture)[name] === 'function');

/** The pixels of what sharp has opened, without their alpha in mode `rgb`. Throws E_IMAGE. */
export async function readSharp(picture: SharpPicture, name: string, mode: 'rgb' | 'as-is'): Promise<RawImage> {
  const pipeline = picture.clone();
  if (mode === 'rgb') pipeline.removeAlpha();
  const { data, info } = await pipeline
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((cause: Error) => {
      const got = cause.message.split('\n')[0];
      throw new ConvNextV2Error('E_IMAGE', { path: name, wanted: 'a picture that sharp can read', got }, { cause });
    });
  const { width, height, channels } = info;
  return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), width, height, channels };
}
