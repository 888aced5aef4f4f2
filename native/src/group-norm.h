// Group norm (Wu and He 2018): the channels of each picture normalised in groups.
#pragma once
#include "training.h"

/** For each channel of each picture [n, channels]: the mean of its group, and 1 / sqrt(variance + epsilon). */
struct GroupStatistics {
  std::vector<float> means, scales;
};

/** Runs f(group number, first channel of all pictures). */
template <class F> static void eachChannelGroup(long n, long groups, long channels, F f) {
  for (long group = 0; group < n * groups; group++) f(group, group * (channels / groups));
}

/** Sums [n, channels] of the channels of a group, divided by `divisor`, for each of its channels. */
static void shareInGroups(const float *sums, long n, long groups, long channels, double divisor, float *out) {
  const long size = channels / groups;
  eachChannelGroup(n, groups, channels, [&](long, long first) {
    double total = 0;
    for (long c = first; c < first + size; c++) total += sums[c];
    std::fill_n(out + first, size, (float)(total / divisor));
  });
}

static GroupStatistics groupStatistics(const float *x, long n, long groups, long positions, long channels, float epsilon) {
  const double count = (double)positions * (channels / groups);
  std::vector<float> sums(n * channels);
  GroupStatistics result = {std::vector<float>(n * channels), std::vector<float>(n * channels)};
  pictureSums<1>(n, positions, channels, sums.data(), [&](long at, long, auto *s) { s[0] += load<std::decay_t<decltype(*s)>>(x + at); });
  shareInGroups(sums.data(), n, groups, channels, count, result.means.data());
  pictureSums<1>(n, positions, channels, sums.data(), [&](long at, long of, auto *s) {
    typedef std::decay_t<decltype(*s)> V;
    const V d = load<V>(x + at) - load<V>(result.means.data() + of);
    s[0] += d * d;
  });
  shareInGroups(sums.data(), n, groups, channels, count, result.scales.data());
  for (float &scale : result.scales) scale = 1 / sqrtf(scale + epsilon);
  return result;
}

/** (x - mean) / sqrt(variance + epsilon) * gamma + beta for pictures of `positions`. */
static void groupNorm(const float *x, const float *gamma, const float *beta, long groups, float epsilon, long n, long positions, long channels, float *out) {
  const GroupStatistics stats = groupStatistics(x, n, groups, positions, channels, epsilon);
  eachPosition(n, positions, channels, [&](long at, long of, long c, auto v) {
    typedef decltype(v) V;
    const V normed = (load<V>(x + at) - load<V>(stats.means.data() + of)) * load<V>(stats.scales.data() + of);
    store<V>(out + at, normed * load<V>(gamma + c) + load<V>(beta + c));
  });
}

/** dx, dgamma and dbeta of it. */
static void groupNormGradient(const float *x, const float *gamma, const float *dy, long groups, float epsilon, long n, long positions, long channels, float *dx, float *dgamma, float *dbeta) {
  const long size = n * channels;
  const GroupStatistics stats = groupStatistics(x, n, groups, positions, channels, epsilon);
  const float *means = stats.means.data(), *scales = stats.scales.data();
  std::vector<float> sums(2 * size), weighted(2 * size);
  float *slopes = sums.data(), *products = slopes + size;
  pictureSums<2>(n, positions, channels, sums.data(), [&](long at, long of, auto *s) {
    typedef std::decay_t<decltype(*s)> V;
    const V d = load<V>(dy + at);
    s[0] += d;
    s[1] += d * ((load<V>(x + at) - load<V>(means + of)) * load<V>(scales + of));
  });
  std::fill_n(dgamma, channels, 0.f);
  std::fill_n(dbeta, channels, 0.f);
  for (long i = 0; i < size; i++) {
    dgamma[i % channels] += products[i];
    dbeta[i % channels] += slopes[i];
    slopes[i] *= gamma[i % channels];
    products[i] *= gamma[i % channels];
  }
  // what reaches the mean and the variance of each group
  const double count = (double)positions * (channels / groups);
  for (int i = 0; i < 2; i++) shareInGroups(sums.data() + i * size, n, groups, channels, count, weighted.data() + i * size);
  const float *shared = weighted.data(), *along = shared + size;
  eachPosition(n, positions, channels, [&](long at, long of, long c, auto v) {
    typedef decltype(v) V;
    const V scale = load<V>(scales + of), normed = (load<V>(x + at) - load<V>(means + of)) * scale;
    store<V>(dx + at, (load<V>(dy + at) * load<V>(gamma + c) - load<V>(shared + of) - normed * load<V>(along + of)) * scale);
  });
}
