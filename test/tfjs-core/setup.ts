import '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util.js';
import { useBackend } from '../../src/backend/use-backend.js';

const backendName = process.env.BACKEND ?? 'simd';
export const ready = useBackend(backendName);
setTestEnvs([{ name: backendName, backendName, isDataSync: true }]);
