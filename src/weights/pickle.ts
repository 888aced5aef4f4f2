import { ConvNextV2Error } from '../errors.js';
import { COST, PickleBytes } from './pickle-bytes.js';
import { describe, PickledObject, PickleGlobal, PickleMismatch } from './pickle-values.js';

/** What becomes of a call of these names with these arguments. Nothing else is ever called. */
export type PickleGlobals = ReadonlyMap<string, (args: readonly unknown[]) => unknown>;

export interface UnpickleOptions {
  /** For messages. */
  readonly path: string;
  readonly globals: PickleGlobals;
  /** What a persistent id stands for. Default: there are none. */
  readonly persistentLoad?: (id: unknown) => unknown;
  /** How many bytes the values may take in memory, about. */
  readonly budget: number;
}

const MARK = Symbol('mark');

/** What runs commands or opens files. No checkpoint needs it, and torch.load would run it: who has such a file should know. */
const HARMFUL =
  /^(os|posix|nt|sys|subprocess|pty|shutil|socket|ctypes|importlib|runpy)\.|^(builtins|__builtin__)\.(eval|exec|execfile|compile|open|__import__)$/;

/**
 * Reads one pickle of protocol 2 to 5 from `at` on, by an interpreter of its own that builds plain values alone: null, booleans,
 * numbers, bigints, strings, Uint8Arrays, arrays for lists and tuples, Maps for dicts, Sets, PickleGlobals, what `globals` and
 * `persistentLoad` give, and a PickledObject for what any other class or function would have made. Gives the value, and where
 * the pickle ends. Throws E_PICKLE where it is not in order or names what runs commands, E_LIMIT above the budget.
 */
export function unpickle(
  bytes: Uint8Array,
  at: number,
  { path, globals, persistentLoad, budget }: UnpickleOptions,
): { readonly value: unknown; readonly end: number } {
  const input = new PickleBytes(bytes, at, path, spend);
  const fail: PickleBytes['fail'] = (...problem) => input.fail(...problem);
  const stack: unknown[] = [];
  const memo = new Map<number, unknown>();
  let spent = 0;

  function spend(cost: number): void {
    spent += cost;
    if (spent > budget) {
      const wanted = `a pickle whose values take at most ${budget} bytes`;
      throw new ConvNextV2Error('E_LIMIT', { path, wanted, got: 'a larger one' });
    }
  }

  function push(value: unknown, cost = 0): void {
    spend(COST.slot + cost);
    stack.push(value);
  }

  function pop(): unknown {
    if (stack.length === 0) fail('a value on the stack', 'none');
    const value = stack.pop();
    if (value === MARK) fail('a value on the stack', 'a mark');
    return value;
  }

  function top(): unknown {
    const value = stack.at(-1);
    if (stack.length === 0 || value === MARK) fail('a value on the stack', 'none');
    return value;
  }

  function popToMark(): unknown[] {
    const start = stack.lastIndexOf(MARK);
    if (start < 0) fail('a mark on the stack', 'none');
    const items = stack.splice(start + 1);
    stack.pop();
    return items;
  }

  function pushList(items: unknown[]): void {
    push(items, COST.list + COST.slot * items.length);
  }

  function pushTuple(length: number): void {
    const items: unknown[] = [];
    for (let i = 0; i < length; i++) items.unshift(pop());
    pushList(items);
  }

  function append(items: readonly unknown[]): void {
    const target = top();
    const list = target instanceof PickledObject ? target.parts : target;
    spend(COST.slot * items.length);
    if (list instanceof Set) for (const item of items) list.add(item);
    else if (Array.isArray(list)) for (const item of items) list.push(item);
    else fail('a list to add to', describe(target));
  }

  function setItems(items: readonly unknown[]): void {
    const target = top();
    const dict = target instanceof PickledObject ? target.entries : target;
    if (!(dict instanceof Map)) fail('a dict to add to', describe(target));
    if (items.length % 2 !== 0) fail('keys and values', 'a key without a value');
    spend((COST.entry / 2) * items.length);
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
  }

  function pushGlobal(module: unknown, name: unknown): void {
    const full = `${typeof module === 'string' ? module : '?'}.${typeof name === 'string' ? name : '?'}`;
    if (HARMFUL.test(full)) {
      fail(
        'tensors and plain data',
        full,
        'nothing in it was run here; torch.load would run it: do not trust this file',
      );
    }
    push(new PickleGlobal(full), COST.object);
  }

  /** What `callee` gives for these arguments; `state` is what else an unknown class is given. */
  function call(callee: unknown, args: unknown, ...state: readonly unknown[]): void {
    if (!Array.isArray(args)) fail('a tuple of arguments', describe(args));
    const handler = callee instanceof PickleGlobal ? globals.get(callee.name) : undefined;
    if (!handler) {
      if (callee instanceof PickleGlobal) push(new PickledObject(callee.name, args, ...state), COST.map);
      else if (callee instanceof PickledObject) push(new PickledObject(callee.type, callee, args, ...state), COST.map);
      else fail('a name to call', describe(callee));
      return;
    }
    // a list that is remembered costs a call three bytes, however long it is
    spend(COST.slot * args.length);
    for (const arg of args) if (Array.isArray(arg)) spend(COST.entry * arg.length);
    pushResult(() => handler(args));
  }

  function pushResult(make: () => unknown): void {
    let result: unknown;
    try {
      result = make();
    } catch (error) {
      if (error instanceof PickleMismatch) fail(error.wanted, error.got);
      throw error;
    }
    push(result, COST.map);
  }

  function remember(index: number): void {
    spend(COST.entry);
    memo.set(index, top());
  }

  function recall(index: number): void {
    if (!memo.has(index)) fail('a value that was remembered', `number ${index}, which was not`);
    push(memo.get(index));
  }

  for (;;) {
    const opcode = input.unsigned(1);
    switch (String.fromCharCode(opcode)) {
      case '\x80': // PROTO
        if (input.unsigned(1) > 5) fail('a protocol up to 5', 'a later one');
        break;
      case '\x95': // FRAME
        input.unsigned(8);
        break;
      case '.': // STOP
        return { value: pop(), end: input.at };
      case '(':
        push(MARK);
        break;
      case '0': // POP
        if (stack.length === 0) fail('a value on the stack', 'none');
        stack.pop();
        break;
      case '1': // POP_MARK
        popToMark();
        break;
      case '2': // DUP
        push(top());
        break;
      case 'N':
        push(null);
        break;
      case '\x88':
        push(true);
        break;
      case '\x89':
        push(false);
        break;
      case 'J': // BININT
        push(input.int32());
        break;
      case 'K': // BININT1
        push(input.unsigned(1));
        break;
      case 'M': // BININT2
        push(input.unsigned(2));
        break;
      case '\x8a': // LONG1
        push(input.integer(input.unsigned(1)));
        break;
      case '\x8b': // LONG4
        push(input.integer(input.unsigned(4)));
        break;
      case 'G': // BINFLOAT
        push(input.float64());
        break;
      case 'X': // BINUNICODE
        push(input.text(input.unsigned(4)));
        break;
      case '\x8c': // SHORT_BINUNICODE
        push(input.text(input.unsigned(1)));
        break;
      case '\x8d': // BINUNICODE8
        push(input.text(input.unsigned(8)));
        break;
      case 'U': // SHORT_BINSTRING, Python 2's str
      case 'C': // SHORT_BINBYTES
        push(input.bytes(input.unsigned(1)));
        break;
      case 'T': // BINSTRING
      case 'B': // BINBYTES
        push(input.bytes(input.unsigned(4)));
        break;
      case '\x8e': // BINBYTES8
      case '\x96': // BYTEARRAY8
        push(input.bytes(input.unsigned(8)));
        break;
      case ']':
        push([], COST.list);
        break;
      case 'l': // LIST
      case 't': // TUPLE
        pushList(popToMark());
        break;
      case 'a':
        append([pop()]);
        break;
      case 'e': // APPENDS
      case '\x90': // ADDITEMS
        append(popToMark());
        break;
      case ')':
        pushTuple(0);
        break;
      case '\x85':
        pushTuple(1);
        break;
      case '\x86':
        pushTuple(2);
        break;
      case '\x87':
        pushTuple(3);
        break;
      case '}':
        push(new Map(), COST.map);
        break;
      case 'd': {
        const items = popToMark();
        push(new Map(), COST.map);
        setItems(items);
        break;
      }
      case 's': {
        const value = pop();
        setItems([pop(), value]);
        break;
      }
      case 'u':
        setItems(popToMark());
        break;
      case '\x8f': // EMPTY_SET
        push(new Set(), COST.map);
        break;
      case '\x91': {
        const items = popToMark(); // FROZENSET
        push(new Set(), COST.map);
        append(items);
        break;
      }
      case 'c':
        pushGlobal(input.line(), input.line());
        break;
      case '\x93': {
        const name = pop(); // STACK_GLOBAL
        pushGlobal(pop(), name);
        break;
      }
      case 'R': // REDUCE
      case '\x81': {
        const args = pop(); // NEWOBJ
        call(pop(), args);
        break;
      }
      case '\x92': {
        const [keywords, args] = [pop(), pop()]; // NEWOBJ_EX
        call(pop(), args, keywords);
        break;
      }
      case 'i': {
        pushGlobal(input.line(), input.line()); // INST
        const callee = pop();
        call(callee, popToMark());
        break;
      }
      case 'o': {
        const [callee, ...args] = popToMark(); // OBJ
        call(callee, args);
        break;
      }
      case 'b': {
        const state = pop(); // BUILD: attributes. What is data here has none that matter, as OrderedDict's _metadata
        const target = top();
        if (target instanceof PickledObject) target.parts.push(state);
        spend(COST.slot);
        break;
      }
      case 'Q': {
        const id = pop(); // BINPERSID
        pushResult(() => (persistentLoad ? persistentLoad(id) : fail('no persistent id', 'one')));
        break;
      }
      case 'q': // BINPUT
        remember(input.unsigned(1));
        break;
      case 'r': // LONG_BINPUT
        remember(input.unsigned(4));
        break;
      case '\x94': // MEMOIZE
        remember(memo.size);
        break;
      case 'h': // BINGET
        recall(input.unsigned(1));
        break;
      case 'j': // LONG_BINGET
        recall(input.unsigned(4));
        break;
      default:
        fail(
          'an operation of pickle, protocol 2 to 5',
          `byte 0x${opcode.toString(16).padStart(2, '0')}`,
          undefined,
          input.at - 1,
        );
    }
  }
}
