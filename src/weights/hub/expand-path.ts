import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';

/** The variables of the environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A path as Python's `os.path.expandvars(os.path.expanduser(path))` gives it, which its client of the Hub uses: `~` and `~user`
 * at the beginning become home folders, `$NAME` and `${NAME}` what the environment has. What is not known stays.
 */
export function expandPath(path: string, env: Environment): string {
  const variable = (whole: string, plain: string | undefined, braced: string) => {
    const name = plain ?? braced;
    return (Object.hasOwn(env, name) ? env[name] : undefined) ?? whole;
  };
  return path
    .replace(/^~([^/\\]*)/, (whole, user: string) => homeOf(user, env) ?? whole)
    .replace(/\$(?:(\w+)|\{([^}]*)\})/g, variable);
}

function homeOf(user: string, env: Environment): string | undefined {
  if (user === '') return (env.HOME || homedir()).replace(/\/+$/, '');
  try {
    const line = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((line) => line.startsWith(`${user}:`));
    return line?.split(':')[5] || undefined;
  } catch {
    return undefined; // a system without this list
  }
}
