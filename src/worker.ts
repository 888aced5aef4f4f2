import { parentPort, workerData } from 'node:worker_threads';
import './index.js';
import { serveExtractor } from './tasks/serve-extractor.js';

// the program of a worker that extracts features: see tasks/extractor-in-worker.ts
serveExtractor(parentPort!, workerData);
