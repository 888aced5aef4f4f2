// Non-maximum suppression. Every step is rounded to float32, as in src/boxes/boxes.ts: no product here can fuse with a sum, since
// each is used once more.
#pragma once
#include <cmath>
#include <cstring>
#include "memory.h"
#include "vector.h"

/** Candidates in their order: the sides of their boxes, areas, groups; and all ones where one is still there, 0 where it is not. */
struct Candidates {
  float *side[4], *area;
  int32_t *group, *alive;
};

INLINE vi loadInts(const int32_t *p) {
  vi v;
  memcpy(&v, p, sizeof v);
  return v;
}

/** Candidate i against all behind it. */
static void suppressBehind(const Candidates &c, long i, long padded, float threshold) {
  const vf left = all(c.side[0][i]), top = all(c.side[1][i]), right = all(c.side[2][i]), bottom = all(c.side[3][i]), own = all(c.area[i]);
  const vi group = vi{} + c.group[i];
  for (long j = (i + 1) / LANES * LANES; j < padded; j += LANES) {
    const vf l = load(c.side[0] + j), t = load(c.side[1] + j), r = load(c.side[2] + j), b = load(c.side[3] + j);
    const vf width = (r < right ? r : right) - (l > left ? l : left), height = (b < bottom ? b : bottom) - (t > top ? t : top);
    const vf shared = (vf)((vi)(width * height) & (width > 0.f) & (height > 0.f));
    // of two boxes without area NaN, which is not above anything
    const vi covered = (shared / (own + load(c.area + j) - shared) > threshold) & (loadInts(c.group + j) == group);
    const vi alive = loadInts(c.alive + j) & ~covered;
    memcpy(c.alive + j, &alive, sizeof alive);
  }
}

static void suppress(const float *boxes, const int32_t *order, const int32_t *groups, long count, double threshold, double most, uint8_t *kept) {
  const long padded = roundUp(count, LANES);
  const Scratch memory = scratch(7 * padded);
  memset(memory.get(), 0, 7 * padded * sizeof(float));
  Candidates c;
  for (int k = 0; k < 4; k++) c.side[k] = memory.get() + k * padded;
  c.area = memory.get() + 4 * padded;
  c.group = (int32_t *)(memory.get() + 5 * padded);
  c.alive = (int32_t *)(memory.get() + 6 * padded);
  for (long i = 0; i < count; i++) {
    for (int k = 0; k < 4; k++) c.side[k][i] = boxes[4 * order[i] + k];
    c.group[i] = groups[order[i]];
    c.alive[i] = -1;
  }
  for (long i = 0; i < count; i++) c.area[i] = (c.side[2][i] - c.side[0][i]) * (c.side[3][i] - c.side[1][i]);
  // the greatest float that is not above the threshold: a float is above both or neither
  float least = (float)threshold;
  if (least > threshold) least = nextafterf(least, -INFINITY);
  long found = 0;
  for (long i = 0; i < count; i++) {
    kept[i] = c.alive[i] != 0 && found < most;
    if (!kept[i]) continue;
    found++;
    // earlier ones in the vector of i + 1 are decided: what becomes of them here is not read again
    suppressBehind(c, i, padded, least);
  }
}
