import type { Checkpoint, LoadReport, LoadRow } from '../contracts.js';

/**
 * A load report as text: how the checkpoint was recognised, and a line for every parameter and tensor that was not simply
 * loaded (`all` lists those, too), with the reason and the nearest name.
 */
export function reportTable(report: LoadReport, { all = false }: { readonly all?: boolean } = {}): string {
  const shown = report.rows.filter(({ state }) => all || state !== 'loaded');
  const counted = (['loaded', 'new', 'mis-shaped', 'unused'] as const).map((state) => {
    return `${report.rows.filter((row) => row.state === state).length} ${state}`;
  });
  return [
    `recognised: ${report.recognised.join('; ') || 'no checkpoint'}`,
    `${counted.join(', ')}, ${report.nonFinite.length} not finite`,
    ...shown.map(line),
    ...report.nonFinite.map((name) => `not finite  ${name}: holds NaN or Infinity`),
    '',
  ].join('\n');
}

/** The tensors of a checkpoint that cannot be read, as its file calls them, and why. */
export function unreadableIn({
  tensors,
  storedNames,
}: Checkpoint): readonly (readonly [name: string, reason: string])[] {
  return [...tensors].flatMap(([name, { unreadable }]) =>
    unreadable === undefined ? [] : [[storedNames?.get(name) ?? name, unreadable] as const],
  );
}

function line({ state, name, storedName, reason, suggestion }: LoadRow): string {
  const from = storedName === undefined ? '' : ` (in the file: ${storedName})`;
  const hint = suggestion === undefined ? '' : ` (${suggestion})`;
  return `${state.padEnd(10)}  ${name}${from}${reason === undefined ? '' : `: ${reason}${hint}`}`;
}
