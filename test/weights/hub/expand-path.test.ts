import { expect } from 'chai';
import { expandPath } from '../../../src/weights/hub/expand-path.js';

/** The other way to write a variable. */
const braced = (name: string): string => `$\{${name}}`;

describe('expandPath', () => {
  // what Python 3.11 gives for os.path.expandvars(os.path.expanduser(path)) with HOME=/home/me/ V=/vol E= W='$V', and no U
  it('does as Python does', () => {
    const env = { HOME: '/home/me/', V: '/vol', E: '', W: '$V' };
    for (const [path, expanded] of [
      ['~', '/home/me'],
      ['~/x', '/home/me/x'],
      ['~//x', '/home/me//x'],
      ['~/$V', '/home/me//vol'],
      ['$V/x', '/vol/x'],
      [`${braced('V')}/x`, '/vol/x'],
      ['$V$V', '/vol/vol'],
      ['/a/$V-b', '/a//vol-b'],
      ['$E/x', '/x'],
      ['$W/x', '$V/x'],
      // what stays
      ['$U/x', '$U/x'],
      [`${braced('U')}/x`, `${braced('U')}/x`],
      ['$Vx', '$Vx'],
      ['$toString', '$toString'],
      ['$é', '$é'],
      ['$', '$'],
      [`${braced('')}/x`, `${braced('')}/x`],
      ['${V', '${V'],
      ['a~/x', 'a~/x'],
      ['x/~', 'x/~'],
      ['~nobody-of-this-name/x', '~nobody-of-this-name/x'],
    ]) {
      expect(expandPath(path, env), path).to.equal(expanded);
    }
  });

  it('knows the home folders of users, where the system lists them', function () {
    if (process.platform !== 'linux') this.skip();
    expect(expandPath('~root/x', {})).to.equal('/root/x');
  });
});
