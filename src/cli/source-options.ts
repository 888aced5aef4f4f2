import { ConvNextV2Error } from '../errors.js';
import type { SourceOptions } from '../weights/source.js';
import { progress } from './command.js';

/** The options of all commands that open checkpoints. */
export const SOURCE_OPTIONS = {
  revision: { type: 'string' },
  subfolder: { type: 'string' },
  'cache-dir': { type: 'string' },
  'local-files-only': { type: 'boolean' },
  token: { type: 'string' },
  sha256: { type: 'string' },
  key: { type: 'string' },
  format: { type: 'string' },
  config: { type: 'string' },
} as const;

export const SOURCE_HELP = `  --revision NAME      a branch, a tag or a commit of a model of the Hub; default main
  --subfolder DIR      the folder of the repository that the model lies in
  --cache-dir DIR      where downloads are kept; default that of Python's client: HF_HUB_CACHE, HF_HOME
  --local-files-only   take only what was downloaded before; as HF_HUB_OFFLINE=1
  --token TOKEN        for private models of the Hub; default HF_TOKEN, or that of huggingface-cli login
  --sha256 HEX         the checksum that the file behind a URL has to have
  --key NAME           the set of tensors in a file with several, as model_ema
  --format NAME        whose names the tensors have (hf, fb, fcmae, timm, mm, torchvision, tf); default: recognised
  --config NAME        in place of the weights' own config: a file, or the name of a config that ships`;

/** The values of these options. */
export type SourceValues = {
  readonly [Name in keyof typeof SOURCE_OPTIONS]?: (typeof SOURCE_OPTIONS)[Name]['type'] extends 'string'
    ? string
    : boolean;
};

/** What these options mean; progress goes to stderr. */
export function readSourceOptions(values: SourceValues): SourceOptions {
  const { revision, subfolder, token, sha256, key, format, config } = values;
  return {
    revision,
    subfolder,
    token,
    sha256,
    key,
    format,
    config,
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
