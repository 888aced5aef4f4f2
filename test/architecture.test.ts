import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import { expect } from 'chai';
import manifest from '../package.json' with { type: 'json' };
import { ERROR_CODES } from '../src/errors.js';

/** The rooms, from the ground up: a room may import itself and the rooms of the levels before its own. */
const LEVELS: readonly (readonly string[])[] = [
  ['configs', 'errors'],
  ['contracts'],
  ['registry'],
  ['config', 'ops'],
  ['backend'],
  ['boxes'],
  ['nn', 'weights', 'image', 'data', 'metrics', 'train'],
  ['keras'],
  ['backbones', 'heads', 'tasks'],
  ['index', 'testing'],
  ['cli', 'tirb', 'worker'],
  ['examples'],
];

/** Rooms of one level that may import each other. */
const NEIGHBOURS = ['nn', 'weights', 'image', 'data', 'metrics', 'train'];

/** The files of src/ that know of particular models. */
const FRONT_DOOR = 'src/index.ts';

/** The packages, and the rooms that may import them. Node's own modules are free to all. */
const PACKAGES: Readonly<Record<string, readonly string[] | 'all'>> = {
  '@tensorflow/tfjs-core': 'all',
  '@tensorflow/tfjs-backend-cpu': ['backend'],
  '@tensorflow/tfjs-layers': ['backend', 'keras'],
  ajv: ['config'],
  'fastest-levenshtein': ['errors'],
  h5wasm: ['weights'],
  'hyparquet-writer': ['cli'],
  'proper-lockfile': ['weights'],
  sharp: ['image'],
  tinyglobby: ['cli'],
  undici: ['weights'],
  yauzl: ['weights'],
};

/** What may stand in the code of these rooms alone, as an import or as text. */
const WORDS: readonly { readonly word: RegExp; readonly room: string }[] = [
  { word: /tfjs-(node|backend|react|tflite)\b/, room: 'backend' },
  { word: /tfjs-image-recognition-base/, room: 'tirb' },
  { word: /\bimport\(\s*[^'"\s]/, room: 'backend' }, // of a name that is computed, and so could be any
];

/** Sources by path, from the root of the project. */
type Sources = ReadonlyMap<string, string>;

const withoutComments = (text: string): string => text.replace(/^\s*\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');

/** What a file imports in any way: from, export from, for its effects, dynamically, as a type, by require. */
function importsOf(text: string): readonly string[] {
  const matches = withoutComments(text).matchAll(/\b(?:from|import|require)\s*\(?\s*(['"])([^'"\n]+)\1/g);
  return [...matches].map(([, , name]) => name);
}

/** The file that an import means, from the root of the project; undefined for what is no part of it. */
function resolve(from: string, name: string): string | undefined {
  const [own, ...rest] = name.split('/');
  if (own === manifest.name) {
    const target = Object(manifest.exports)[['.', ...rest].join('/')];
    return target?.default?.replace('./dist/', '').replace(/\.js$/, '.ts') ?? rest.join('/');
  }
  return name.startsWith('.') ? posix.join(posix.dirname(from), name).replace(/\.js$/, '.ts') : undefined;
}

/** The room of a file, which is its folder, in src/ or at the root; a file of src/ itself is one of its own. */
function roomOf(file: string): string {
  const [top, second] = file.split('/');
  return top === 'src' ? second.replace(/\.ts$/, '') : top;
}

const levelOf = (room: string): number => LEVELS.findIndex((rooms) => rooms.includes(room));

function isAllowed(from: string, to: string): boolean {
  const [room, other] = [roomOf(from), roomOf(to)];
  if (['backbones', 'heads'].includes(other) && from.startsWith('src/')) return from === FRONT_DOOR;
  const areNeighbours = NEIGHBOURS.includes(room) && NEIGHBOURS.includes(other);
  return room === other || areNeighbours || levelOf(other) < levelOf(room);
}

/** All that is against the rules, a line each. */
function violations(sources: Sources): readonly string[] {
  const found: string[] = [];
  for (const [file, text] of sources) {
    const room = roomOf(file);
    if (levelOf(room) < 0) found.push(`${file}: no room of LEVELS`);
    for (const name of importsOf(text)) {
      const target = resolve(file, name);
      if (target !== undefined) {
        if (levelOf(roomOf(target)) < 0 || !isAllowed(file, target)) found.push(`${file}: imports ${target}`);
      } else if (!isBuiltin(name)) {
        const rooms = PACKAGES[/^(@[^/]+\/)?[^/]+/.exec(name)![0]] ?? [];
        if (rooms !== 'all' && !rooms.includes(room)) found.push(`${file}: imports ${name}`);
      }
    }
    for (const { word, room: home } of WORDS) {
      const got = room === home ? null : word.exec(withoutComments(text));
      if (got) found.push(`${file}: names ${got[0]}`);
    }
  }
  return [...found, ...cycles(sources)];
}

/** Each file that imports itself by way of others, once, with the way. */
function cycles(sources: Sources): readonly string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, way: readonly string[]) => {
    if (way.includes(file)) found.push(`cycle: ${[...way.slice(way.indexOf(file)), file].join(' -> ')}`);
    if (done.has(file) || way.includes(file)) return;
    for (const name of importsOf(sources.get(file) ?? '')) {
      const target = resolve(file, name);
      if (target !== undefined) visit(target, [...way, file]);
    }
    done.add(file);
  };
  for (const file of sources.keys()) visit(file, []);
  return found;
}

function readSources(): Sources {
  // git keeps no folder that is empty, as heads/ may be
  const files = ['src', 'backbones', 'heads', 'examples']
    .filter(existsSync)
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => posix.join(folder, file)),
    );
  return new Map(files.filter((file) => file.endsWith('.ts')).map((file) => [file, readFileSync(file, 'utf8')]));
}

describe('architecture', () => {
  it('is kept', () => {
    const sources = readSources();
    expect(sources.size).to.be.above(60);
    expect(violations(sources)).to.deep.equal([]);
  });

  it('has a use for every error code', () => {
    const code = [...readSources()]
      .filter(([file]) => !['errors', 'testing', 'examples'].includes(roomOf(file)))
      .map(([, text]) => withoutComments(text))
      .join('\n');
    expect(ERROR_CODES.filter((error) => !code.includes(`'${error}'`))).to.deep.equal([]);
  });

  it('has one limit for the time of all tests, in .mocharc.json, which no machine is too slow for', () => {
    const files = readdirSync('test', { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.test.ts'),
    );
    expect(files).to.have.length.above(100);
    const limited = files.filter((file) => /\.timeout\(\d/.test(readFileSync(posix.join('test', file), 'utf8')));
    expect(limited).to.deep.equal([]);
  });

  const given = (sources: Readonly<Record<string, string>>) => violations(new Map(Object.entries(sources)));

  it('allows arrows that point down, and those between neighbours', () => {
    const downwards = {
      'src/registry.ts': "import type { Backbone } from './contracts.js';\nimport { show } from './errors.js';",
      'src/weights/a.ts': "import { b } from '../nn/b.js';\nexport * from './c.js';\nimport { open } from 'node:fs';",
      'src/nn/b.ts': "import { gelu } from '../ops/gelu.js';\nimport * as tf from '@tensorflow/tfjs-core';",
      'src/config/c.ts': "import { Ajv2020 } from 'ajv/dist/2020.js';",
      'src/image/d.ts':
        "import type { A } from '../../configs/files.js';\nconst { default: sharp } = await import('sharp');",
      'src/index.ts': "export * from '../backbones/convnext/index.js';",
      'src/cli/main.ts': "import '../index.js';",
      'backbones/plain/e.ts': "import { linear } from '../../src/nn/layers.js';",
      'examples/f.ts': "import { AdamW } from 'convnextv2';\nimport { backboneContract } from 'convnextv2/testing';",
      'src/backend/g.ts': "const load = (name) => import(name);\nimport('@tensorflow/tfjs-backend-cpu');",
    };
    expect(given(downwards)).to.deep.equal([]);
  });

  const refused: Readonly<Record<string, readonly [file: string, text: string, violation: string]>> = {
    'an arrow that points up': ['src/ops/a.ts', "import { b } from '../nn/b.js';", 'imports src/nn/b.ts'],
    'one of a level with no neighbours': ['src/ops/a.ts', "export * from '../config/b.js';", 'imports src/config/b.ts'],
    'one below the contracts': [
      'src/errors.ts',
      "import type { A } from './contracts.js';",
      'imports src/contracts.ts',
    ],
    'a dynamic one': ['src/nn/a.ts', "await import('../tasks/b.js');", 'imports src/tasks/b.ts'],
    'one over several lines': [
      'src/nn/a.ts',
      "import {\n  type B,\n  c,\n} from '../cli/b.js';",
      'imports src/cli/b.ts',
    ],
    'an imported type': ['src/nn/a.ts', "let b: import('../cli/b.js').B;", 'imports src/cli/b.ts'],
    'one for its effects': ['src/nn/a.ts', "import '../index.js';", 'imports src/index.ts'],
    'a task with a backbone': [
      'src/tasks/a.ts',
      "import { b } from '../../backbones/convnext/index.js';",
      'imports backbones/convnext/index.ts',
    ],
    'a command with a backbone': [
      'src/cli/a.ts',
      "export { b } from '../../backbones/convnext/index.js';",
      'imports backbones/convnext/index.ts',
    ],
    'a head with a backbone': [
      'heads/fpn/a.ts',
      "import type { B } from '../../backbones/convnext/index.js';",
      'imports backbones/convnext/index.ts',
    ],
    'a backbone with a head': [
      'backbones/b/a.ts',
      "import { b } from '../../heads/fpn/b.js';",
      'imports heads/fpn/b.ts',
    ],
    'a backbone with the front door': ['backbones/b/a.ts', "import { b } from 'convnextv2';", 'imports src/index.ts'],
    'an example in a command': ['src/cli/a.ts', "import '../../examples/b.js';", 'imports examples/b.ts'],
    'a room that has no place': ['src/misc/a.ts', '', 'no room of LEVELS'],
    'a test in the sources': ['src/cli/a.ts', "import '../../test/b.js';", 'imports test/b.ts'],
    'the union of tfjs': ['src/nn/a.ts', "import * as tf from '@tensorflow/tfjs';", 'imports @tensorflow/tfjs'],
    'ajv elsewhere': ['src/weights/a.ts', "import { Ajv } from 'ajv';", 'imports ajv'],
    'sharp elsewhere': ['src/tasks/a.ts', "const b = await import('sharp');", 'imports sharp'],
    'sharp by require': ['src/tasks/a.ts', "const b = require('sharp');", 'imports sharp'],
    'a test runner': ['src/testing/a.ts', 'import { expect } from "chai";', 'imports chai'],
    'a backend by name': ['src/cli/a.ts', "const b = '@tensorflow/tfjs-node';", 'names tfjs-node'],
    'a peer that breaks tfjs': [
      'src/cli/a.ts',
      "const b = 'tfjs-image-recognition-base';",
      'names tfjs-image-recognition-base',
    ],
    'a computed import': ['src/cli/a.ts', 'const b = import(name);', 'names import(n'],
  };
  for (const [name, [file, text, violation]] of Object.entries(refused)) {
    it(`refuses ${name}`, () => {
      expect(given({ [file]: text })).to.deep.equal([`${file}: ${violation}`]);
    });
  }

  it('refuses a cycle, once', () => {
    const cycle = {
      'src/nn/a.ts': "import { b } from '../weights/b.js';",
      'src/weights/b.ts': "import type { C } from './c.js';",
      'src/weights/c.ts': "export { a } from '../nn/a.js';",
      'src/weights/d.ts': "import { b } from './b.js';",
    };
    expect(given(cycle)).to.deep.equal(['cycle: src/nn/a.ts -> src/weights/b.ts -> src/weights/c.ts -> src/nn/a.ts']);
  });

  it('reads no import out of a comment', () => {
    expect(importsOf("/** as import './a.js' */\n// from './b.js'\nimport './c.js'; // './d.js'")).to.deep.equal([
      './c.js',
    ]);
  });
});
