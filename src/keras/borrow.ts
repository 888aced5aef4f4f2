import type { Parameters, Scope } from '../contracts.js';

/** A scope that declares nothing, but hands out parameters that are there: for a second network over the same weights. */
export function borrowParameters(all: Parameters, prefix = ''): Scope {
  return {
    within: (name) => borrowParameters(all, `${prefix}${name}.`),
    parameter: (name) => all.get(prefix + name)!,
    get parameters() {
      return new Map([...all].filter(([name]) => name.startsWith(prefix)));
    },
  };
}
