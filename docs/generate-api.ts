/**
 * Writes docs/api.md, the reference of every public name, from the declarations that `npm run build` leaves in dist/.
 *
 * npm run docs:api
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import manifest from '../package.json' with { type: 'json' };

const PAGE = 'docs/api.md';

/** Declarations of others, which are not listed: what convnextv2/tirb passes on. */
const PASSED_ON = ['original', 'surface'].map((name) => join('dist/src/tirb', `${name}.d.ts`));

/** A declaration, as tsc writes it, and the text of its docstring. */
interface Declaration {
  readonly file: string;
  readonly name: string;
  readonly text: string;
  readonly doc: string;
}

/** What a file exports under a name: a declaration, or all that another file exports. */
type Exported = Declaration | { readonly namespace: string };

interface Module {
  readonly declarations: ReadonlyMap<string, Declaration>;
  /** Names of other files of this package, by the names that they have here. */
  readonly imports: ReadonlyMap<string, readonly [file: string, name: string]>;
  /** Under their public names: names of this file, of another one, or `*` for all of that. */
  readonly exports: readonly { readonly name: string; readonly file: string; readonly from: string }[];
}

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');

/** How many brackets a text leaves open. */
function openBrackets(text: string): number {
  const count = (brackets: RegExp) => withoutComments(text).match(brackets)?.length ?? 0;
  return count(/[{([]/g) - count(/[})\]]/g);
}

/** Ends at its bracket, where others end at a semicolon. */
const BLOCK = /^(export )?(declare )?(abstract )?(class|interface) /;

/** The statements of a file, each with the comment before it. */
function statementsOf(source: string): readonly { readonly text: string; readonly doc: string }[] {
  const statements: { text: string; doc: string }[] = [];
  let [doc, text] = ['', ''];
  for (const line of source.split('\n')) {
    text += `${line}\n`;
    if (text.startsWith('/**')) {
      if (!line.endsWith('*/')) continue;
      doc = text.replace(/^\/\*\*|\s*\*\/\s*$|^ +\* ?/gm, '').trim();
      text = '';
    } else if (BLOCK.test(text) ? line === '}' : line.endsWith(';')) {
      if (openBrackets(text) > 0) continue;
      statements.push({ text: text.trim(), doc });
      [doc, text] = ['', ''];
    }
  }
  return statements;
}

const modules = new Map<string, Module>();

function readModule(file: string): Module {
  const known = modules.get(file);
  if (known) return known;
  const declarations = new Map<string, Declaration>();
  const imports = new Map<string, readonly [string, string]>();
  const exports: { name: string; file: string; from: string }[] = [];
  for (const { text, doc } of statementsOf(readFileSync(file, 'utf8'))) {
    const listed = /^(import|export) (?:type )?(?:\{([^}]*)\}|\*(?: as (\w+))?)(?: from '(.*)')?;$/.exec(text);
    if (listed) {
      const [, kind, names, namespace, path] = listed;
      if (path !== undefined && !path.startsWith('.')) continue;
      const from = path === undefined ? file : join(dirname(file), path.replace(/\.js$/, '.d.ts'));
      for (const item of names === undefined ? [`* as ${namespace ?? '*'}`] : names.split(',')) {
        const [, own, alias] = /^\s*(?:type )?(\w+|\*)(?: as (\w+|\*))?\s*$/.exec(item) ?? [];
        if (own === undefined) continue;
        if (kind === 'import') imports.set(alias ?? own, [from, own]);
        else exports.push({ name: alias ?? own, file: from, from: own });
      }
    } else {
      const [, exported, name] =
        /^(export )?(?:declare )?(?:abstract )?(?:class|interface|type|const|let|function) (\w+)/.exec(text) ?? [];
      if (name === undefined) continue;
      const before = declarations.get(name); // an overload
      declarations.set(name, { file, name, text: before ? `${before.text}\n${text}` : text, doc: before?.doc || doc });
      if (exported && !before) exports.push({ name, file, from: name });
    }
  }
  const module = { declarations, imports, exports };
  modules.set(file, module);
  return module;
}

/** What a name of a file is declared as, wherever that is; undefined for what is not of this package. */
function find(file: string, name: string): Declaration | undefined {
  const { declarations, imports, exports } = readModule(file);
  const own = declarations.get(name);
  if (own) return own;
  const imported = imports.get(name);
  if (imported) return find(...imported);
  for (const each of exports) {
    if (each.file === file) continue;
    const found = each.name === name ? find(each.file, each.from) : each.name === '*' && find(each.file, name);
    if (found) return found;
  }
  return undefined;
}

/** All that a file exports, by public name, in its order. */
function exportsOf(file: string): ReadonlyMap<string, Exported> {
  const found = new Map<string, Exported>();
  for (const { name, file: from, from: own } of readModule(file).exports) {
    if (name === '*') for (const [each, declaration] of exportsOf(from)) found.set(each, declaration);
    else if (own === '*') found.set(name, { namespace: from });
    else {
      const declaration = find(from, own);
      if (!declaration) throw new Error(`${file}: ${name} is exported and not declared`);
      found.set(name, declaration);
    }
  }
  return found;
}

/** All that a file exports, what is in a namespace as `ops.gelu`. */
function publicNames(file: string): ReadonlyMap<string, Declaration> {
  const names = new Map<string, Declaration>();
  for (const [name, exported] of exportsOf(file)) {
    if (!('namespace' in exported)) names.set(name, exported);
    else for (const [inner, each] of publicNames(exported.namespace)) names.set(`${name}.${inner}`, each);
  }
  return names;
}

/** What these declarations name, in turn, and that is not among them. */
function namedBy(shown: Iterable<Declaration>): readonly Declaration[] {
  const seen = new Set(shown);
  const queue = [...seen];
  const found: Declaration[] = [];
  for (const { file, text } of queue) {
    for (const [name] of withoutComments(text).matchAll(/\b[A-Z]\w*/g)) {
      const declaration = find(file, name);
      if (!declaration || seen.has(declaration) || PASSED_ON.includes(declaration.file)) continue;
      seen.add(declaration);
      queue.push(declaration);
      found.push(declaration);
    }
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The section of a name: its docstring, its signature with those of its members, and where to find what it inherits. */
function show(declaration: Declaration, titles: ReadonlyMap<Declaration, string>): string {
  const { file, text, doc } = declaration;
  const signature = text
    .replace(/^(export )?(declare )?/gm, '')
    .replace(/^ +#private;\n| +$/gm, '')
    .replaceAll('    ', '  ');
  const [, bases = ''] = /^(?:abstract )?(?:class|interface) \w+(?:<.*?>)? extends ([^{]*)/.exec(signature) ?? [];
  const inherited = Array.from(bases.replace(/<.*?>/g, '').matchAll(/\w+/g), ([base]) => titles.get(find(file, base)!))
    .filter((title) => title !== undefined)
    .map((title) => `[${title}](#${title.toLowerCase().replace('.', '')})`);
  const parts = [`### ${titles.get(declaration)}`, doc, `\`\`\`text\n${signature}\n\`\`\``];
  if (inherited.length > 0) parts.push(`Inherits from ${inherited.join(', ')}.`);
  return parts.filter((part) => part !== '').join('\n\n');
}

/** The page, as it should be. */
export function apiPage(): string {
  const titles = new Map<Declaration, string>();
  const entries = Object.entries(manifest.exports).flatMap(([path, target]) => {
    if (typeof target === 'string') return [];
    const names = [...publicNames(join(target.types))].filter(([, { file }]) => !PASSED_ON.includes(file));
    const own = names.filter(([, declaration]) => !titles.has(declaration));
    for (const [name, declaration] of own) titles.set(declaration, name);
    const again = names.filter(([name]) => !own.some(([each]) => each === name)).map(([name]) => `\`${name}\``);
    return [{ entry: path.replace('.', manifest.name), own: own.map(([, declaration]) => declaration), again }];
  });
  const bare = Array.from(titles, ([{ doc }, title]) => (doc === '' ? title : '')).filter(Boolean);
  if (bare.length > 0) throw new Error(`public, and without a docstring: ${bare.join(', ')}`);
  const others = namedBy(titles.keys());
  for (const declaration of others) titles.set(declaration, declaration.name);
  const sections = entries.flatMap(({ entry, own, again }) => [
    `## ${entry}`,
    ...(again.length > 0 ? [`Also, as above: ${again.join(', ')}.`] : []),
    ...own.map((declaration) => show(declaration, titles)),
  ]);
  return `${[
    '# API reference',
    'Every public name, with what it takes and gives, and the [errors](errors.md) that it throws. Made by `npm run docs:api`. What convnextv2/tirb passes on from tfjs-image-recognition-base is not listed.',
    ...sections,
    '## Named in these',
    'Not exported, but parts of what is: what a class inherits, what an option can be.',
    ...others.map((declaration) => show(declaration, titles)),
  ].join('\n\n')}\n`;
}

if (process.argv[1]?.endsWith('generate-api.ts')) writeFileSync(PAGE, apiPage());
