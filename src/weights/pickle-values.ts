/** What a global of a pickle stands for: a class or a function that `REDUCE` and its kind are asked to call. */
export class PickleGlobal {
  constructor(readonly name: string) {}
}

/**
 * An object of a class, or a result of a function, that means nothing here: nothing was called. What it was made of is kept,
 * to tell whether tensors are lost with it.
 */
export class PickledObject {
  /** Arguments, attributes, and the items of a list. */
  readonly parts: unknown[];
  /** The items of a subclass of dict. */
  readonly entries = new Map<unknown, unknown>();

  constructor(
    readonly type: string,
    ...parts: readonly unknown[]
  ) {
    this.parts = [...parts];
  }
}

/** Thrown by a handler of `globals` for arguments that it cannot take. */
export class PickleMismatch extends Error {
  constructor(
    readonly wanted: string,
    readonly got: string,
  ) {
    super(`wanted ${wanted}, got ${got}`);
  }
}

/** What a value of a pickle is, in a word; never what it holds, which can refer to itself. */
export function describe(value: unknown): string {
  if (value instanceof PickledObject) return `an object of ${value.type}`;
  if (value instanceof PickleGlobal) return value.name;
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Map) return 'a dict';
  if (value instanceof Set) return 'a set';
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 60));
  return typeof value === 'object' && value !== null ? 'a tensor' : String(value);
}
