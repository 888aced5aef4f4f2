import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { convnextv2, expectFailure, words, workFolder } from './helpers.js';

describe('cli', () => {
  const { path, files } = workFolder();

  it('prints its version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(await convnextv2(['--version'], path)).to.deep.equal({ code: 0, stdout: `${version}\n`, stderr: [] });
  });

  it('helps', async () => {
    const [help, same] = await Promise.all([convnextv2(['--help'], path), convnextv2(['help'], path)]);
    const { code, stdout, stderr } = help;
    expect(stdout).to.match(/^Usage: convnextv2 COMMAND/m);
    expect(stdout).to.match(
      /^ {2}features +\w.*\n {2}classify +\w.*\n {2}detect +\w.*\n {2}eval-detection +\w.*\n {2}segment +\w.*\n {2}eval-segmentation +\w.*\n {2}inspect +\w/m,
    );
    expect([code, stderr]).to.deep.equal([0, []]);
    expect(same).to.deep.equal(help);
  });

  it('called with nothing, helps and says that this was wrong', async () => {
    const { code, stdout } = await convnextv2([], path);
    expect(stdout).to.contain('Usage: convnextv2 COMMAND');
    expect(code).to.equal(2);
  });

  const commands = ['features', 'classify', 'detect', 'eval-detection', 'segment', 'eval-segmentation', 'inspect'];
  for (const command of [...commands, 'convert', 'verify', 'download', 'models']) {
    it(`helps with ${command}, whatever else is said`, async () => {
      const { code, stdout, stderr } = await convnextv2([command, 'nope.png', '--nope', '--help'], path);
      expect(stdout).to.contain(`Usage: convnextv2 ${command} `);
      expect(stdout).to.match(/^Examples?:\n {2}convnextv2 /m);
      expect([code, stderr]).to.deep.equal([0, []]);
      for (const line of stdout.trimEnd().split('\n')) expect(line).to.have.length.at.most(120);
    });
  }

  it('helps in other words', async () => {
    const [help, same] = [await convnextv2(['models', '--help'], path), await convnextv2(['help', 'models'], path)];
    expect(same).to.deep.equal(help);
  });

  it('refuses a command that is not there', async () => {
    const message =
      /^E_USAGE: convnextv2: wanted one of features, classify, detect, eval-detection, segment, eval-segmentation, inspect, convert, verify, download, models, got feature \(did you mean "features"\?\)$/;
    const [near, inherited] = await Promise.all([convnextv2(['feature'], path), convnextv2(['constructor'], path)]);
    expectFailure(near, 2, message);
    expectFailure(inherited, 2, 'E_USAGE: convnextv2: ');
  });

  it('ends in silence when its reader has gone', async function () {
    if (process.platform === 'win32') return this.skip();
    const before = files();
    const args = ['features', 'chelsea.png', 'rocket.jpg', '--model', 'tiny', '--backend', 'cpu'];
    // `true` reads nothing
    const script = '"$0" "$@" | true';
    const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((resolve) => {
      execFile('sh', ['-c', script, ...words(args)], { cwd: path }, (_, stdout, stderr) => resolve({ stdout, stderr }));
    });
    expect(stdout).to.equal('');
    expect(stderr).to.match(/^tiny: ready in \d+ ms, backend cpu \(plain JavaScript\)\n$/);
    expect(files()).to.deep.equal(before);
  });
});
