/** For any program on TensorFlow.js: backend `simd`, a choice of backends, and how many threads compute. */
export { registerSimd } from './simd/backend.js';
export { simdThreads } from './simd/native.js';
export { type BackendName, type BackendReport, useBackend } from './use-backend.js';
