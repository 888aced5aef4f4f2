/** The classes of a classifier. Both records lack a prototype, so that any name is safe as a key. */
export interface Labels {
  /** Names by index. */
  readonly id2label: Readonly<Record<number, string>>;
  /** Indices by name. */
  readonly label2id: Readonly<Record<string, number>>;
  /** The size of id2label; 0 means no classifier. */
  readonly numLabels: number;
}

/**
 * Reads the label keys of a checked config file as the reference does: the size of id2label is the number of labels,
 * whatever num_labels says; without id2label, num_labels (or 2) labels are named LABEL_0, LABEL_1, ... and label2id is
 * disregarded; without label2id it follows from id2label, where of two equal names the last wins.
 */
export function readLabels(file: {
  readonly id2label?: Readonly<Record<string, string>> | null;
  readonly label2id?: Readonly<Record<string, number | string>> | null;
  readonly num_labels?: number | null;
}): Labels {
  const names: readonly (readonly [id: string, label: string])[] = file.id2label
    ? Object.entries(file.id2label)
    : Array.from({ length: file.num_labels ?? 2 }, (_, id) => [String(id), `LABEL_${id}`]);
  const given = file.id2label && file.label2id;
  const ids = given ? Object.entries(given) : names.map(([id, label]) => [label, id] as const);
  return {
    id2label: record(names),
    label2id: record(ids.map(([label, id]) => [label, Number(id)] as const)),
    numLabels: names.length,
  };
}

function record<Value>(entries: readonly (readonly [string, Value])[]): Readonly<Record<string, Value>> {
  const bare: Record<string, Value> = Object.create(null);
  for (const [key, value] of entries) bare[key] = value;
  return Object.freeze(bare);
}
