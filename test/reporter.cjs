const { reporters } = require('mocha');

/** mocha's own Spec, and a closing line that a script can read. */
module.exports = class extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const { stats } = runner;
    runner.once('end', () =>
      console.log(
        `${stats.passes} passed, ${stats.failures} failed${stats.pending ? `, ${stats.pending} skipped` : ''}`,
      ),
    );
  }
};
