/** Parts that FSDP, activation checkpointing and torch.compile put into names, before and between the model's own. */
const WRAPPERS: ReadonlySet<string> = new Set(['_fsdp_wrapped_module', '_checkpoint_wrapped_module', '_orig_mod']);

/** A name without the parts that PyTorch's wrappers add. */
export function withoutWrappers(name: string): string {
  const parts = name.split('.');
  return parts.some((part) => WRAPPERS.has(part)) ? parts.filter((part) => !WRAPPERS.has(part)).join('.') : name;
}

/** A prefix longer than this many parts is not looked for. */
const MOST_PARTS = 8;
/** A prefix that fewer of the names have than one in this many is not the model's. */
const LEAST_SHARE = 20;
/** How many prefixes are tried: a hostile file can have many. */
const MOST_PREFIXES = 24;

/**
 * The prefixes that a model's names may have in a checkpoint: none first, then those of the fewest parts, and of these those that
 * the most names have. Each ends with a dot.
 */
export function* prefixesOf(names: readonly string[]): Generator<string, void, undefined> {
  yield '';
  /** Names, and where the part that comes next begins. */
  let inside = names.map((name): readonly [string, number] => [name, 0]);
  let tried = 1;
  for (let parts = 1; parts <= MOST_PARTS && inside.length > 0; parts++) {
    const counts = new Map<string, number>();
    const longer = inside.flatMap(([name, end]) => {
      const dot = name.indexOf('.', end);
      if (dot < 0) return [];
      const prefix = name.slice(0, dot + 1);
      counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
      return [[name, dot + 1] as const];
    });
    const common = [...counts].filter(([, count]) => count * LEAST_SHARE >= names.length).sort((a, b) => b[1] - a[1]);
    for (const [prefix] of common) {
      if (tried++ >= MOST_PREFIXES) return;
      yield prefix;
    }
    const isCommon = new Set(common.map(([prefix]) => prefix));
    inside = longer.filter(([name, end]) => isCommon.has(name.slice(0, end)));
  }
}

/**
 * Names without a prefix, as new name to old. What stands beside the prefixed part loses as much of the prefix as it has: of
 * `model.backbone.`, `model.classifier.weight` loses `model.`. Where two names would become one, the one that loses more does,
 * and the other gets a name that no model has.
 */
export function cutPrefix(names: Iterable<string>, prefix: string): ReadonlyMap<string, string> {
  const parts = prefix.split('.').slice(0, -1);
  const prefixes = parts.map((_, i) => `${parts.slice(0, parts.length - i).join('.')}.`); // the longest first
  const cuts = Array.from(names, (name) => [name, prefixes.find((own) => name.startsWith(own))?.length ?? 0] as const);
  const longest = new Map<string, number>();
  for (const [name, length] of cuts) {
    const rest = name.slice(length);
    longest.set(rest, Math.max(length, longest.get(rest) ?? 0));
  }
  return new Map(
    cuts.map(([name, length]) => {
      const rest = name.slice(length);
      return longest.get(rest) === length ? [rest, name] : [`beside ${prefix}: ${name}`, name];
    }),
  );
}
