import type { Backbone } from '../contracts.js';
import { ConvNextV2Error } from '../errors.js';

/** `Backbone.freeze` for any backbone: by its `stageOf`. Throws E_ARGUMENT for a number of stages that it does not have. */
export function freezeStages(
  { stageNames, stageOf, parameters }: Pick<Backbone, 'stageNames' | 'stageOf' | 'parameters'>,
  stages: number,
): void {
  if (!(Number.isInteger(stages) && stages >= 0 && stages <= stageNames.length)) {
    const wanted = `0 to ${stageNames.length} stages`;
    throw new ConvNextV2Error('E_ARGUMENT', { path: 'freeze', wanted, got: String(stages) });
  }
  for (const [name, parameter] of parameters) parameter.trainable = (stageOf(name) ?? stages) >= stages;
}

/** Throws E_SHAPE unless both sides of a picture are whole and at least `smallest`. */
export function checkSides(height: number, width: number, smallest: number): void {
  if (Number.isInteger(height) && Number.isInteger(width) && Math.min(height, width) >= smallest) return;
  const wanted = `whole sides of at least ${smallest} pixels`;
  throw new ConvNextV2Error('E_SHAPE', { path: 'picture', wanted, got: `${height} x ${width}` });
}
