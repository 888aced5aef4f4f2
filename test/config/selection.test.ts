import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { alignSelection } from '../../src/config/selection.js';
import { ConvNextV2Error } from '../../src/errors.js';

const FIVE = ['stem', 'stage1', 'stage2', 'stage3', 'stage4'];

type Outcome = ReturnType<typeof alignSelection> | ConvNextV2Error;

function align(stageNames: readonly string[], outFeatures?: unknown, outIndices?: unknown): Outcome {
  try {
    return alignSelection(stageNames, outFeatures, outIndices, { file: 'config.json' });
  } catch (error) {
    expect(error).to.be.instanceOf(ConvNextV2Error);
    const refusal = error as ConvNextV2Error;
    expect(refusal.code).to.equal('E_OUT_FEATURES');
    expect(refusal.problems).to.have.length(1);
    return refusal;
  }
}

function problemOf(outFeatures?: unknown, outIndices?: unknown) {
  const outcome = align(FIVE, outFeatures, outIndices);
  if (!(outcome instanceof ConvNextV2Error)) throw new Error(`accepted: ${JSON.stringify(outcome)}`);
  return outcome.problems[0];
}

const golden = (name: string, file: string) => JSON.parse(readFileSync(`test/golden/${name}/${file}`, 'utf8'));

describe('alignSelection', () => {
  it('takes the last stage, or lets one follow the other', () => {
    const selection = (outFeatures: readonly string[], outIndices: readonly number[]) => ({ outFeatures, outIndices });
    expect(align(FIVE)).to.deep.equal(selection(['stage4'], [4]));
    expect(align(FIVE, null, null)).to.deep.equal(selection(['stage4'], [4]));
    expect(align(FIVE, ['stem', 'stage2'])).to.deep.equal(selection(['stem', 'stage2'], [0, 2]));
    expect(align(FIVE, undefined, [1, -1])).to.deep.equal(selection(['stage1', 'stage4'], [1, -1]));
    expect(align(FIVE, ['stage1', 'stage4'], [1, -1])).to.deep.equal(selection(['stage1', 'stage4'], [1, -1]));
    expect(align(FIVE, [])).to.deep.equal(selection([], []));
    expect(align(['stem', 'stage1'], undefined, [-2])).to.deep.equal(selection(['stem'], [-2]));
  });

  it('gives a list of its own', () => {
    const given = [1, 2];
    const { outIndices } = alignSelection(FIVE, undefined, given, { file: 'config.json' });
    given.pop();
    expect(outIndices).to.deep.equal([1, 2]);
  });

  it('says where, what was wanted, what came and what was meant', () => {
    expect(problemOf(['stage1', 'stage9'])).to.deep.equal({
      path: 'config.json: /out_features',
      wanted: 'names out of "stem", "stage1", "stage2", "stage3", "stage4"',
      got: '["stage1","stage9"]',
      reference:
        "out_features must be a subset of stage_names: ['stem', 'stage1', 'stage2', 'stage3', 'stage4'] " +
        "got ['stage1', 'stage9']",
      suggestion: 'did you mean "stage1"?',
    });
    expect(problemOf(undefined, [4, 0, -1])).to.deep.equal({
      path: 'config.json: /out_indices',
      wanted: 'each stage once',
      got: '[4,0,-1]',
      reference: 'out_indices must not contain any duplicates, got [4, 0, -1](equivalent to (4, 0, 4)))',
      suggestion: 'did you mean [0,4]?',
    });
    expect(problemOf('stem').suggestion).to.equal('did you mean ["stem"]?');
    expect(problemOf('neck').suggestion).to.equal(undefined);
    expect(problemOf(undefined, 2).suggestion).to.equal('did you mean [2]?');
    expect(problemOf(['stage2', 'stem']).suggestion).to.equal('did you mean ["stem","stage2"]?');
    expect(problemOf(['stem'], [1, 2])).to.deep.include({
      path: 'config.json: /out_indices',
      got: '["stem"] and [1,2]',
    });
  });

  it('sorts by the resolved index and prints as given', () => {
    // -7 is 3 modulo 5: the duplicates and the order are looked at before the range of negatives
    expect(problemOf(undefined, [-7, 1]).reference).to.equal(
      'out_indices must be in the same order as stage_names, expected [1, -7] got [-7, 1]',
    );
  });

  it('refuses an index below the first as one beyond the last, just before the stages are compared', () => {
    const reference = (given: string) =>
      `out_indices must be valid indices for stage_names ['stem', 'stage1', 'stage2', 'stage3', 'stage4'], got ${given}`;
    expect(problemOf(undefined, [-6]).reference).to.equal(reference('[-6]'));
    expect(problemOf(['stage4'], [-6]).reference).to.equal(reference('[-6]'));
    expect(problemOf(['stage4', 'stage4'], [-6]).reference).to.match(/duplicates/);
    expect(problemOf(['stem', 'stage4'], [-6]).reference).to.match(/same length/);
    for (const [index, printed] of [
      [1.5, '1.5'],
      ['1', "'1'"],
      [null, 'None'],
      [true, 'True'],
      [[0], '[0]'],
      [5, '5'],
    ]) {
      expect(problemOf(undefined, [index]).reference).to.equal(reference(`[${printed}]`));
    }
  });

  it('prints what is no name as Python does', () => {
    const reference = (given: string) =>
      `out_features must be a subset of stage_names: ['stem', 'stage1', 'stage2', 'stage3', 'stage4'] got ${given}`;
    expect(problemOf([1, null, "it's", ['stem']]).reference).to.equal(reference(`[1, None, "it's", ['stem']]`));
    expect(problemOf({ stem: 1 }).reference).to.equal("out_features must be a list got <class 'dict'>");
    expect(problemOf(undefined, '0').reference).to.equal("out_indices must be a list, got <class 'str'>");
  });

  it('cuts a message short where a hostile list would fill the screen', () => {
    for (const problem of [
      problemOf(new Array(100_000).fill('stem')),
      problemOf(undefined, new Array(100_000).fill(9)),
    ]) {
      expect(problem.reference).to.match(/^out_(features|indices) must .*\.\.\.$/);
      expect(problem.reference).to.have.length(1000); // as every field of an error
    }
  });

  it('agrees with a slow oracle', () => {
    const stages = fc.integer({ min: 1, max: 6 });
    const selections = stages.chain((n) => {
      const names = ['stem', ...Array.from({ length: n }, (_, i) => `stage${i + 1}`)];
      const valid = fc.subarray(names);
      const name = fc.constantFrom(...names, `stage${n + 1}`, 'Stem', 3);
      const index = fc.integer({ min: -n - 3, max: n + 2 });
      const near = valid.chain((features) =>
        fc.record({
          features: fc.constant(features),
          indices: fc.tuple(...features.map((f) => fc.constantFrom(names.indexOf(f), names.indexOf(f) - n - 1))),
        }),
      );
      const any = fc.record({
        features: fc.option(fc.oneof(valid, fc.array(name, { maxLength: 4 })), { nil: undefined }),
        indices: fc.option(fc.array(index, { maxLength: 4 }), { nil: undefined }),
      });
      return fc.record({ names: fc.constant(names), pair: fc.oneof(near, any) });
    });
    const seen = new Set<string>();
    fc.assert(
      fc.property(selections, ({ names, pair: { features, indices } }) => {
        const outcome = align(names, features, indices);
        const wanted = oracle(names, features, indices);
        seen.add(typeof wanted === 'string' ? wanted : 'aligned');
        if (typeof wanted === 'string') {
          expect(outcome).to.be.instanceOf(ConvNextV2Error);
          expect((outcome as ConvNextV2Error).problems[0].reference).to.contain(wanted);
        } else {
          expect(outcome).to.deep.equal(wanted);
        }
      }),
      { numRuns: 3000 },
    );
    expect(seen.size, [...seen].join()).to.equal(9);
  });

  it('gives every golden refusal in the words of the reference', () => {
    // Python's tuple, which JSON lacks: a tuple of indices is a list to the reference, one of names is not.
    class tuple {
      constructor(readonly items: readonly unknown[]) {}
    }
    const { args } = golden('backbone-config-errors', 'case.json');
    const names = ['stem', ...args.depths.map((_: number, i: number) => `stage${i + 1}`)];
    for (const { kwargs, error, check_error, result } of golden('backbone-config-errors', 'outputs.json')) {
      const { out_features, out_indices } = kwargs;
      const features = out_features?.tuple ? new tuple(out_features.tuple) : out_features;
      const outcome = align(names, features, out_indices?.tuple ?? out_indices);
      if (error === null) {
        expect(outcome).to.deep.equal({ outFeatures: result.out_features, outIndices: result.out_indices });
      } else if (check_error.type === 'ValueError') {
        expect((outcome as ConvNextV2Error).problems[0].reference).to.equal(check_error.message);
      } else {
        expect((outcome as ConvNextV2Error).problems[0].reference).to.match(/^out_indices must be valid indices/);
      }
    }
  });

  it('gives what the setters and the backbones of the goldens have', () => {
    const [, ...steps] = golden('backbone-override', 'outputs.json');
    for (const { set, out_features, out_indices, stage_names } of steps) {
      const outcome = align(stage_names, set.out_features, set.out_indices);
      expect(outcome).to.deep.equal({ outFeatures: out_features, outIndices: out_indices });
    }
    const cases = readdirSync('test/golden').filter((name) => existsSync(`test/golden/${name}/case.json`));
    const backbones = cases
      .map((name) => golden(name, 'case.json'))
      .filter((c) => c.args && c.attributes?.out_features);
    expect(backbones).to.have.length.above(5);
    for (const { args, attributes } of backbones) {
      const outcome = align(attributes.stage_names, args.out_features, args.out_indices);
      expect(outcome).to.deep.equal({ outFeatures: attributes.out_features, outIndices: attributes.out_indices });
    }
  });
});

/** The rules, one after the other, as plain loops over pairs: the aligned selection, or words of the first rule broken. */
function oracle(names: readonly string[], features?: readonly unknown[], indices?: readonly number[]) {
  const n = names.length;
  const at = (index: number) => {
    let i = index;
    while (i < 0) i += n;
    return i;
  };
  const pairs = <T>(list: readonly T[]) => list.flatMap((a, i) => list.slice(i + 1).map((b) => [a, b] as const));
  if (features) {
    const place = (name: unknown) => names.indexOf(name as string);
    if (features.some((name) => place(name) === -1)) return 'out_features must be a subset';
    if (pairs(features).some(([a, b]) => a === b)) return 'out_features must not contain any duplicates';
    if (pairs(features).some(([a, b]) => place(a) > place(b))) return 'out_features must be in the same order';
  }
  if (indices) {
    if (indices.some((index) => at(index) >= n)) return 'out_indices must be valid';
    if (pairs(indices).some(([a, b]) => at(a) === at(b))) return 'out_indices must not contain any duplicates';
    if (pairs(indices).some(([a, b]) => at(a) > at(b))) return 'out_indices must be in the same order';
  }
  if (features && indices && features.length !== indices.length) return 'should have the same length';
  if (indices?.some((index) => index < -n)) return 'out_indices must be valid';
  if (features && indices?.some((index, i) => names[at(index)] !== features[i])) return 'should correspond to the same';
  const chosen = names.filter(
    (name, i) => features?.includes(name) ?? indices?.some((index) => at(index) === i) ?? i === n - 1,
  );
  return { outFeatures: chosen, outIndices: indices ?? chosen.map((name) => names.indexOf(name)) };
}
