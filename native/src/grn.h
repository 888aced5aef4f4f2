// Global response normalisation of ConvNeXt V2: x * (1 + gamma * norm / (mean of the channels' norms + 1e-6)) + beta.
#pragma once
#include <cmath>
#include "block.h"

/** x, out [n, positions, channels]. Sums are cut by the shape alone, so that they are the same on any number of threads. */
static void responseNorm(const float *x, long n, long positions, long channels, const float *gamma, const float *beta, float *out) {
  const long step = std::max(1L, 16384 / channels), parts = (positions + step - 1) / step;
  const Scratch squares = scratch(n * parts * channels), factors = scratch(n * channels);
  parallel(n * parts, [&](long task) {
    const long from = task % parts * step, to = std::min(positions, from + step);
    const float *in = x + task / parts * positions * channels;
    eachGroup(channels, [&](long c, auto v) {
      typedef decltype(v) V;
      V total = {};
      for (long i = from; i < to; i++) {
        const V value = load<V>(in + i * channels + c);
        total += value * value;
      }
      store<V>(squares.get() + task * channels + c, total);
    });
  });
  for (long image = 0; image < n; image++) {
    float *factor = factors.get() + image * channels;
    double total = 0;
    for (long c = 0; c < channels; c++) {
      float square = 0;
      for (long part = 0; part < parts; part++) square += squares.get()[(image * parts + part) * channels + c];
      factor[c] = sqrtf(square);
      total += factor[c];
    }
    const float scale = 1.f / ((float)(total / channels) + 1e-6f);
    for (long c = 0; c < channels; c++) factor[c] = 1.f + gamma[c] * factor[c] * scale;
  }
  parallel(n * parts, [&](long task) {
    const long image = task / parts, from = task % parts * step, to = std::min(positions, from + step);
    const float *factor = factors.get() + image * channels;
    for (long i = image * positions + from; i < image * positions + to; i++) {
      eachGroup(channels, [&](long c, auto v) {
        typedef decltype(v) V;
        store<V>(out + i * channels + c, load<V>(x + i * channels + c) * load<V>(factor + c) + load<V>(beta + c));
      });
    }
  });
}
