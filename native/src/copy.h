// Boxes of floats from one array to another: transposing, slicing, padding and joining.
#pragma once
#include <algorithm>
#include "kernels.h"
#include "pool.h"

/** Sides of what is turned at once: both sides of it stay in the first-level cache. */
static const long TURNED = 32;

/** The inner two axes: `u` of x lies close together, the last of out does. */
static void copyTurned(const Box &b, int u, const float *x, float *out, long from, long to) {
  const int v = AXES - 1;
  for (long first = 0; first < b.size[v]; first += TURNED) {
    const long last = std::min(b.size[v], first + TURNED);
    for (long i = from; i < to; i++) {
      for (long j = first; j < last; j++) out[i * b.out[u] + j * b.out[v]] = x[i * b.in[u] + j * b.in[v]];
    }
  }
}

static void copyBox(const Box &b, const float *x, float *out) {
  const int v = AXES - 1;
  int u = v;
  for (int axis = 0; axis < v && b.in[v] != 1; axis++) {
    if (b.in[axis] == 1 && b.size[axis] > 1) u = axis;
  }
  long rows = 1;
  for (int axis = 0; axis < v; axis++) rows *= axis == u ? (b.size[u] + TURNED - 1) / TURNED : b.size[axis];
  const long step = std::max(1L, 32768 / (b.size[v] * (u == v ? 1 : TURNED)));
  parallel((rows + step - 1) / step, [&](long task) {
    for (long row = task * step; row < std::min(rows, (task + 1) * step); row++) {
      long at = 0, to = 0, block = 0, left = row;
      for (int axis = v - 1; axis >= 0; axis--) {
        const long count = axis == u ? (b.size[u] + TURNED - 1) / TURNED : b.size[axis];
        const long i = left % count;
        left /= count;
        if (axis == u) block = i;
        else at += i * b.in[axis], to += i * b.out[axis];
      }
      if (u != v) copyTurned(b, u, x + at, out + to, block * TURNED, std::min(b.size[u], (block + 1) * TURNED));
      else if (b.in[v] == 1 && b.out[v] == 1) memcpy(out + to, x + at, b.size[v] * sizeof(float));
      else for (long j = 0; j < b.size[v]; j++) out[to + j * b.out[v]] = x[at + j * b.in[v]];
    }
  });
}
