import { ConvNextV2Error } from '../errors.js';
import type { SourceOptions } from '../weights/source.js';
import { progress } from './command.js';

/** The options of all commands that open checkpoints. */
export const SOURCE_OPTIONS = {
  revision: { type: 'string' },
  subfolder: { type: 'string' },
  'cache-dir': { type: 'string' },
  'local-files-only': { type: 'boolean' },
  sha256: { type: 'string' },
  key: { type: 'string' },
  format: { type: 'string' },
} as const;

export const SOURCE_HELP = `  --revision NAME      a branch, a tag or a commit of a model of the Hub; default main
  --subfolder DIR      the folder of the repository that the model lies in
  --cache-dir DIR      where downloads are kept; default that of Python's client: HF_HUB_CACHE, HF_HOME
  --local-files-only   take what was downloaded before, and ask nobody; as HF_HUB_OFFLINE=1
  --sha256 HEX         the checksum that the file behind a URL has to have
  --key NAME           the set of tensors in a file with several, as model_ema
  --format NAME        whose names the tensors have (hf, fb, fcmae, timm, mm, torchvision, tf); default: recognised`;

/** What these options mean; progress goes to the terminal. */
export function readSourceOptions(
  values: {
    readonly [Name in keyof typeof SOURCE_OPTIONS]?: (typeof SOURCE_OPTIONS)[Name]['type'] extends 'string'
      ? string
      : boolean;
  },
): SourceOptions {
  const { revision, subfolder, sha256, key, format } = values;
  return {
    revision,
    subfolder,
    sha256,
    key,
    format,
    cacheDir: values['cache-dir'],
    localFilesOnly: values['local-files-only'],
    onProgress: ({ phase, done, total, name }) => {
      const share = total > 0 ? ` ${Math.floor((100 * done) / total)} %` : '';
      progress(done === total ? '' : `${phase} ${name}${share}`);
    },
  };
}

/** So many arguments beside the options. Throws E_USAGE. */
export function takeArguments(command: string, names: readonly string[], given: readonly string[]): readonly string[] {
  if (given.length === names.length) return given;
  throw new ConvNextV2Error('E_USAGE', {
    path: names.join(' '),
    wanted: names.length === 1 ? 'one argument' : `${names.length} arguments`,
    got: `${given.length}`,
    suggestion: `see convnextv2 ${command} --help`,
  });
}
