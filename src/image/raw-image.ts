import { types } from 'node:util';
import { ConvNextV2Error, show } from '../errors.js';

/** A decoded picture: one byte a value, interleaved, row after row (height x width x channels). */
export interface RawImage {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha; alpha is not premultiplied. More are taken as plain values. */
  readonly channels: number;
}

/** Gives back `image` if it is a picture of at least one pixel whose data fit its size; throws E_IMAGE elsewhere. */
export function checkRawImage(image: RawImage, path = 'image'): RawImage {
  if (typeof image !== 'object' || image === null || !('data' in image)) {
    throw new ConvNextV2Error('E_IMAGE', {
      path,
      wanted: 'a path, a URL, bytes, a Blob, a Response, a stream or decoded pixels',
      got: show(image),
      suggestion: types.isPromise(image) ? 'await it first' : undefined,
    });
  }
  for (const side of ['width', 'height', 'channels'] as const) {
    if (!Number.isInteger(image[side]) || image[side] < 1) {
      throw new ConvNextV2Error('E_IMAGE', {
        path: `${path}.${side}`,
        wanted: 'a whole number of at least 1',
        got: show(image[side]),
      });
    }
  }
  const { data, width, height, channels } = image;
  const wanted = width * height * channels;
  if (!types.isUint8Array(data) || data.length !== wanted) {
    throw new ConvNextV2Error('E_IMAGE', {
      path: `${path}.data`,
      wanted: `a Uint8Array of ${height} x ${width} x ${channels} = ${wanted} bytes`,
      got: types.isUint8Array(data) ? `${(data as Uint8Array).length} bytes` : show(data),
    });
  }
  return image;
}

/** The bytes of a picture that is being made, all 0. Throws E_LIMIT for more than the memory can hold. */
export function newBytes(height: number, width: number, channels: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(height * width * channels);
  } catch (cause) {
    throw new ConvNextV2Error(
      'E_LIMIT',
      { path: 'image', wanted: 'a picture that fits in memory', got: `${height} x ${width} x ${channels} bytes` },
      { cause },
    );
  }
}
