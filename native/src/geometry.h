// The shapes of convolutions and poolings, and the limits of their results.
#pragma once
#include <cstdint>

/** NHWC. `top` and `left` are the padding there; what the window reaches beside the map is zero, whatever the size of the output. */
struct Geometry {
  long n, height, width, channels, to;
  long kernelHeight, kernelWidth, strideY, strideX, dilationY, dilationX;
  long top, left, outHeight, outWidth;
};

/** ReLU and ReLU6 are limits; linear are infinite ones. */
struct Limits {
  float low, high;
};

/** Maps in and out: [n, height, width, channels] to [n, outHeight, outWidth, channels]. */
struct Maps {
  long n, height, width, channels, outHeight, outWidth;
};
