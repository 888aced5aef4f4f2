import { ConvNextV2Error, type ErrorCode, type Problem } from '../errors.js';

/** How checks of many files report: `onProgress` is called after each. */
export interface CheckOptions {
  readonly onProgress?: (read: { readonly done: number; readonly total: number }) => void;
}

/** Checks each item, and throws one error with all problems that this finds; its code is that of the first. */
export async function checkAll<Item>(
  items: readonly Item[],
  check: (item: Item, index: number) => Promise<void>,
  { onProgress }: CheckOptions,
): Promise<void> {
  const problems: Problem[] = [];
  let code: ErrorCode | undefined;
  for (const [i, item] of items.entries()) {
    try {
      await check(item, i);
    } catch (error) {
      if (!(error instanceof ConvNextV2Error) || error.code === 'E_PEER') throw error;
      code ??= error.code;
      problems.push(...error.problems);
    }
    onProgress?.({ done: i + 1, total: items.length });
  }
  if (code) throw new ConvNextV2Error(code, problems);
}
