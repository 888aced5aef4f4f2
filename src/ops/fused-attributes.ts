/** What a layer computes, beside its parameters: its kind, and every option that changes its numbers. */
export interface LayerAttributes {
  readonly kind: string;
  readonly [option: string]: number | string;
}

/** What a fused kernel is told of one of its layers, beside the parameters. */
export interface FusedAttributes {
  /** Whether x passes the parts one after the other, has that added to it, or goes some other way. */
  readonly formula: 'sequence' | 'residual' | 'custom';
  readonly parts: readonly PartAttributes[];
}

/** A part by its name; one of no known kind has no attributes. */
export type PartAttributes = { readonly part: string } & Partial<LayerAttributes>;
