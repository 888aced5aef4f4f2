// Imported after setup.ts, which says on which backend these tests run.
import '@tensorflow/tfjs-core/dist/tests.js';
