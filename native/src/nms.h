// Non-maximum suppression. Every step is rounded to float32, as in src/boxes/boxes.ts: no product here can fuse with a sum, since
// each is used once more.
#pragma once
#include <cmath>
#include <cstring>
#include "memory.h"
#include "vector.h"

/** Candidate i against all behind it: `alive` is all ones where one stays, and 0 where it does not. */
static void suppressBehind(const float *const side[4], const float *area, long i, long padded, float threshold, int32_t *alive) {
  const vf left = all(side[0][i]), top = all(side[1][i]), right = all(side[2][i]), bottom = all(side[3][i]), own = all(area[i]);
  for (long j = (i + 1) / LANES * LANES; j < padded; j += LANES) {
    const vf l = load(side[0] + j), t = load(side[1] + j), r = load(side[2] + j), b = load(side[3] + j);
    const vf width = (r < right ? r : right) - (l > left ? l : left), height = (b < bottom ? b : bottom) - (t > top ? t : top);
    const vf shared = (vf)((vi)(width * height) & (width > 0.f) & (height > 0.f));
    // of two boxes without area NaN, which is not above anything
    const vi covered = shared / (own + load(area + j) - shared) > threshold;
    vi state;
    memcpy(&state, alive + j, sizeof state);
    state &= ~covered;
    memcpy(alive + j, &state, sizeof state);
  }
}

static void suppress(const float *boxes, const int32_t *order, long count, double threshold, uint8_t *kept) {
  const long padded = roundUp(count, LANES);
  const Scratch memory = scratch(6 * padded);
  float *const side[4] = {memory.get(), memory.get() + padded, memory.get() + 2 * padded, memory.get() + 3 * padded};
  float *const area = memory.get() + 4 * padded;
  int32_t *const alive = (int32_t *)(memory.get() + 5 * padded);
  memset(memory.get(), 0, 6 * padded * sizeof(float));
  for (long i = 0; i < count; i++) {
    for (int k = 0; k < 4; k++) side[k][i] = boxes[4 * order[i] + k];
    alive[i] = -1;
  }
  for (long i = 0; i < count; i++) area[i] = (side[2][i] - side[0][i]) * (side[3][i] - side[1][i]);
  // the greatest float that is not above the threshold: a float is above both or neither
  float least = (float)threshold;
  if (least > threshold) least = nextafterf(least, -INFINITY);
  for (long i = 0; i < count; i++) {
    kept[i] = alive[i] != 0;
    // earlier ones in the vector of i + 1 are decided: what becomes of them here is not read again
    if (kept[i]) suppressBehind(side, area, i, padded, least, alive);
  }
}
