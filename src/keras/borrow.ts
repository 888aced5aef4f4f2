import type { Parameters, Scope } from '../contracts.js';

/** A scope that declares nothing, but hands out parameters that are there: for a second network over the same weights. */
export function borrowParameters(all: Parameters, prefix = ''): Scope {
  const under = (start: string) => [...all].filter(([name]) => name.startsWith(start));
  return {
    within: (name) => borrowParameters(all, `${prefix}${name}.`),
    inner(name) {
      const start = `${prefix}${name}.`;
      return borrowParameters(new Map(under(start).map(([name, own]) => [name.slice(start.length), own])));
    },
    parameter: (name) => all.get(prefix + name)!,
    get parameters() {
      return new Map(under(prefix));
    },
  };
}
