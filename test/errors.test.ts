import { expect } from 'chai';
import { ConvNextV2Error, didYouMean, show } from '../src/errors.js';

describe('ConvNextV2Error', () => {
  const problem = { path: 'pixels', wanted: '3 channels', got: '4 channels' };

  it('says where, what was wanted, what came and what to do', () => {
    const error = new ConvNextV2Error('E_SHAPE', { ...problem, suggestion: 'drop alpha' }, { cause: 'a cause' });
    expect(error.message).to.equal('E_SHAPE: pixels: wanted 3 channels, got 4 channels (drop alpha)');
    expect(error).to.include({
      name: 'ConvNextV2Error',
      code: 'E_SHAPE',
      ...problem,
      suggestion: 'drop alpha',
      cause: 'a cause',
    });
    expect(error.problems).to.have.length(1);
  });

  it("uses the reference's words where it has them", () => {
    expect(new ConvNextV2Error('E_OUT_FEATURES', { ...problem, reference: 'as they say' }).message).to.equal(
      'E_OUT_FEATURES: pixels: as they say',
    );
  });

  it('lists all problems, a line each, and the fields of the first', () => {
    const error = new ConvNextV2Error('E_CONFIG', [problem, { ...problem, path: 'more' }]);
    expect(error.message.split('\n')).to.deep.equal([
      'E_CONFIG: 2 problems',
      '  pixels: wanted 3 channels, got 4 channels',
      '  more: wanted 3 channels, got 4 channels',
    ]);
    expect(error.path).to.equal('pixels');
  });

  it('cuts what is long in all fields and in the message: an address or a name from outside may have millions', () => {
    const long = 'x'.repeat(2_000_000);
    const error = new ConvNextV2Error('E_IMAGE', { path: long, wanted: long, got: long, suggestion: long });
    expect(error.message.length).to.be.below(4100);
    expect(error.problems[0].got).to.equal(`${'x'.repeat(997)}...`);
    expect([error.path, error.got, error.wanted, error.suggestion].map((text) => text!.length)).to.deep.equal(
      Array(4).fill(1000),
    );
  });

  it('spells out twelve, and keeps them all', () => {
    const error = new ConvNextV2Error('E_WEIGHTS', new Array(15).fill(problem));
    expect(error.message.split('\n')).to.have.length(14);
    expect(error.message).to.match(/and 3 more$/);
    expect(error.problems).to.have.length(15);
  });
});

describe('didYouMean', () => {
  it('gives the nearest of the known, if it is near', () => {
    expect(didYouMean('dephts', ['depths', 'hidden_sizes'])).to.equal('did you mean "depths"?');
    expect(didYouMean('completely else', ['depths', 'hidden_sizes'])).to.equal(undefined);
    expect(didYouMean('a', [])).to.equal(undefined);
  });

  it('does not compare what is no name of ours', () => {
    expect(didYouMean('x'.repeat(201), ['x'.repeat(200)])).to.equal(undefined);
  });
});

describe('show', () => {
  it('shows any value, shortly', () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    expect([5, 'a', null, undefined, Number.NaN, [1, 'b'], 10n, show, cycle].map(show)).to.deep.equal([
      '5',
      '"a"',
      'null',
      'undefined',
      'NaN',
      '[1,"b"]',
      '10',
      'a function',
      '[object Object]',
    ]);
    expect([new Map(), Promise.resolve(), new ArrayBuffer(2), {}].map(show)).to.deep.equal([
      'a Map',
      'a Promise',
      'an ArrayBuffer',
      '{}',
    ]);
    // not all the numbers of a picture, which would take minutes here
    expect(show({ data: new Uint8Array(5e8), width: 1 })).to.equal(
      '{"data":"Uint8Array of 500000000 bytes","width":1}',
    );
    expect(show([Array(1e7).fill(1)])).to.have.length(80);
    expect(show(new Float32Array(1e6))).to.equal('a Float32Array of 4000000 bytes');
    expect(show('x'.repeat(100)))
      .to.have.length(80)
      .and.to.match(/\.\.\.$/);
  });
});
