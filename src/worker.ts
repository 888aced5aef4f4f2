import { workerData } from 'node:worker_threads';
import './index.js';
import { serveExtractor } from './tasks/serve-extractor.js';
import { workerPort } from './weights/worker-port.js';

// the program of a worker that extracts features: see tasks/extractor-in-worker.ts
serveExtractor(workerPort(), workerData);
