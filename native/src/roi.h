// RoIAlign: what a map holds in boxes, averaged over samples that are interpolated between cells (src/ops/roi-align.ts).
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>
#include "kernels.h"
#include "pool.h"
#include "vector.h"

/** A cell of a map along one axis, and its weight in a cell of the result. */
struct Tap {
  long cell;
  float weight;
};

/** For each cell of the result along one axis, the cells of the map that it is made from. */
struct RoiAxis {
  std::vector<std::vector<Tap>> taps;
  long samples;

  // the casts round as the reference does, and keep the compiler from fusing a product with a sum
  RoiAxis(float low, float high, long cells, long length, const RoiAlign &r) : taps(cells) {
    const double offset = r.halfPixel ? .5 : 0;
    const float begin = (float)((float)((double)low * r.scale) - offset), end = (float)((float)((double)high * r.scale) - offset);
    const float span = (float)((double)end - begin), side = (float)((double)(r.halfPixel ? span : std::max(span, 1.f)) / cells);
    const double whole = std::ceil((float)((double)span / cells));
    const double least = r.halfPixel ? 0 : 1;
    samples = r.samplingRatio > 0 ? r.samplingRatio : (long)(whole > least ? std::min(whole, MOST_SAMPLES) : least);
    for (long cell = 0; cell < cells; cell++) {
      const float from = (float)((double)begin + (float)((double)cell * side));
      for (long sample = 0; sample < samples; sample++) {
        const float within = (float)((float)((double)(sample + .5f) * side) / (double)samples);
        add(taps[cell], (float)((double)from + within), length);
      }
    }
  }

 private:
  /** Of a box that has more along a side of a cell, as none on a map has, less is read. */
  static constexpr double MOST_SAMPLES = 1 << 14;

  /** The two cells that a place lies between; none for one more than a cell outside of the map. */
  static void add(std::vector<Tap> &taps, float place, long length) {
    if (!(place >= -1 && place <= length)) return;
    const float inside = std::max(place, 0.f);
    const long cell = (long)inside;
    if (cell >= length - 1) return merge(taps, length - 1, 1);
    const float share = inside - cell;
    merge(taps, cell, 1 - share);
    merge(taps, cell + 1, share);
  }

  static void merge(std::vector<Tap> &taps, long cell, float weight) {
    if (weight == 0) return;
    for (auto tap = taps.rbegin(); tap != taps.rend(); ++tap) {
      if (tap->cell == cell) {
        tap->weight += weight;
        return;
      }
    }
    taps.push_back({cell, weight});
  }
};

/** Runs each(cell of the result, taps of it) for one box; a tap's cell is that of the whole map. */
template <class Each> static void eachRoiCell(const RoiAlign &r, const float *roi, Each each) {
  const RoiAxis across(roi[1], roi[3], r.outWidth, r.width, r), down(roi[2], roi[4], r.outHeight, r.height, r);
  const float share = 1.f / std::max(across.samples * down.samples, 1L);
  const long picture = (long)roi[0];
  std::vector<Tap> taps;
  for (long y = 0; y < r.outHeight; y++) {
    for (long x = 0; x < r.outWidth; x++) {
      taps.clear();
      for (const Tap &row : down.taps[y]) {
        for (const Tap &column : across.taps[x]) {
          taps.push_back({(picture * r.height + row.cell) * r.width + column.cell, row.weight * column.weight * share});
        }
      }
      each(y * r.outWidth + x, taps);
    }
  }
}

/** x [n, height, width, channels], rois [count, 5] to out [count, outHeight, outWidth, channels]. */
static void roiAlign(const RoiAlign &r, const float *x, const float *rois, long count, float *out) {
  parallel(count, [&](long box) {
    eachRoiCell(r, rois + 5 * box, [&](long cell, const std::vector<Tap> &taps) {
      float *y = out + (box * r.outHeight * r.outWidth + cell) * r.channels;
      eachGroup(r.channels, [&](long c, auto v) {
        typedef decltype(v) V;
        V sum = {};
        for (const Tap &tap : taps) sum += load<V>(x + tap.cell * r.channels + c) * tap.weight;
        store<V>(y + c, sum);
      });
    });
  });
}

/** Channels of a task of the gradient: each task adds to channels of its own. */
static const long ROI_CHANNELS = 64;

/** dy [count, outHeight, outWidth, channels] to dx [n, height, width, channels]. */
static void roiAlignGradient(const RoiAlign &r, const float *dy, const float *rois, long count, float *dx) {
  memset(dx, 0, r.n * r.height * r.width * r.channels * sizeof(float));
  parallel((r.channels + ROI_CHANNELS - 1) / ROI_CHANNELS, [&](long task) {
    const long from = task * ROI_CHANNELS, channels = std::min(r.channels - from, ROI_CHANNELS);
    for (long box = 0; box < count; box++) {
      eachRoiCell(r, rois + 5 * box, [&](long cell, const std::vector<Tap> &taps) {
        const float *slope = dy + (box * r.outHeight * r.outWidth + cell) * r.channels + from;
        for (const Tap &tap : taps) {
          float *to = dx + tap.cell * r.channels + from;
          eachGroup(channels, [&](long c, auto v) {
            typedef decltype(v) V;
            store<V>(to + c, load<V>(to + c) + load<V>(slope + c) * tap.weight);
          });
        }
      });
    }
  });
}
