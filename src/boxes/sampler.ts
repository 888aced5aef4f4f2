export interface SampleOptions {
  /** How many to take in all. */
  readonly count: number;
  /** The largest share of positives. */
  readonly positiveShare: number;
  /** Numbers in [0, 1). */
  readonly random: () => number;
}

/**
 * Draws a balanced sample of what is labelled: 1 or more positive, 0 negative, below 0 left out. At most the share of
 * positives, and negatives for the rest. Indices in rising order.
 */
export function sampleBalanced(
  labels: ArrayLike<number>,
  { count, positiveShare, random }: SampleOptions,
): { readonly positives: readonly number[]; readonly negatives: readonly number[] } {
  const positives: number[] = [];
  const negatives: number[] = [];
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] >= 1) positives.push(i);
    else if (labels[i] === 0) negatives.push(i);
  }
  const chosen = draw(positives, Math.floor(count * positiveShare), random);
  return { positives: chosen, negatives: draw(negatives, count - chosen.length, random) };
}

/** `count` of these, or all where they are no more: the first of a shuffled copy (Fisher and Yates). */
function draw(from: readonly number[], count: number, random: () => number): readonly number[] {
  if (from.length <= count) return from;
  const drawn = [...from];
  for (let i = 0; i < count; i++) {
    const j = i + Math.floor(random() * (drawn.length - i));
    [drawn[i], drawn[j]] = [drawn[j], drawn[i]];
  }
  return drawn.slice(0, count).sort((a, b) => a - b);
}
