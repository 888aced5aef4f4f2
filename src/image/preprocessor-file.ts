import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readJsonFile } from '../config/read-json.js';

/** A parsed preprocessor_config.json, and its path for messages. */
export interface PreprocessorFile {
  readonly json: unknown;
  readonly file: string;
}

/** Reads the preprocessor_config.json of a folder, or the file itself. Throws E_SOURCE, E_JSON, E_LIMIT. */
export async function readPreprocessorFile(source: string | URL): Promise<PreprocessorFile> {
  const path = source instanceof URL || source.startsWith('file:') ? fileURLToPath(source) : source;
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const file = isFolder ? join(path, 'preprocessor_config.json') : path;
  return { json: await readJsonFile(file), file };
}
