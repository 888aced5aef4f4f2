// tfjs-core has the gradients of its operations but registers none when Node imports it, and its package gives Node no
// way to reach them. Importing tfjs-layers registers them all, on the one engine that every part of tfjs shares.
import '@tensorflow/tfjs-layers';
