/* From frames to features: spectrum, power, Mel bands, logarithm, cosine transform.
 *
 * A bin between two corners lies on the falling slope of one band and on the rising one of the next; the two weights
 * add up to 1, so one product serves both. */
#include "edgeq/edgeq_sound_features.h"

#include "edgeq/edgeq_requantize.h"
#include "edgeq/edgeq_sound_spectrum.h"

/* x * x, and x * weight for a weight of at most 2^15: in halves where a long product would be a call. |x| < 2^31. */
static uint64_t square(int32_t x) {
#if EDGEQ_WIDE_MULTIPLY
  return (uint64_t)((int64_t)x * x);
#else
  const uint32_t size = (uint32_t)(x < 0 ? -x : x);
  const uint32_t low = size & 0xffffU;
  const uint32_t high = size >> 16;
  return ((uint64_t)(high * high) << 32) + ((uint64_t)(high * low) << 17) + low * low;
#endif
}

static uint64_t weighted(uint32_t x, uint32_t weight) {
#if EDGEQ_WIDE_MULTIPLY
  return (uint64_t)x * weight;
#else
  return ((uint64_t)((x >> 16) * weight) << 16) + (x & 0xffffU) * weight;
#endif
}

/* log2 of x > 0 as Q16: the place of the top bit, a table of its next 6 bits, a line over 16 more. */
static int32_t log2_q16(const uint16_t *logs, uint64_t x) {
  int32_t top = 22;
  for (; x >> 30; top += 8) {
    x >>= 8;
  }
  uint32_t mantissa = (uint32_t)x;
  for (; mantissa >> 23; top++) {
    mantissa >>= 1;
  }
  for (; !(mantissa >> 22); top--) {
    mantissa <<= 1;
  }
  const uint32_t index = (mantissa >> 16) & 63U;
  const uint32_t rise = (uint32_t)logs[index + 1] - logs[index];
  return top * 65536 + 2 * logs[index] + (int32_t)((rise * (mantissa & 0xffffU)) >> 15);
}

/* log2 of the power in each band, Q16. */
static void levels(const edgeq_sound_features_t *sound, const int32_t *spectrum, int32_t exponent, int32_t *level) {
  const uint16_t *weight = sound->weights;
  uint64_t rising = 0;
  for (int32_t slope = 0; slope <= sound->mels; slope++) {
    uint64_t up = 0;
    uint64_t down = 0;
    for (int32_t bin = sound->edges[slope]; bin < sound->edges[slope + 1]; bin++) {
      const uint64_t power = square(spectrum[2 * bin]) + square(spectrum[2 * bin + 1]);
      const uint64_t part =
          (weighted((uint32_t)(power >> 32), *weight) << 17) + (weighted((uint32_t)power, *weight) >> 15);
      up += part;
      down += power - part;
      weight++;
    }
    if (slope > 0) {
      const uint64_t band = rising + down;
      int32_t value = sound->floor;
      if (band) {
        const int32_t log = log2_q16(sound->logs, band) + sound->offsets[slope - 1] - exponent * 131072;
        value = log > value ? log : value;
      }
      level[slope - 1] = value;
    }
    rising = up;
  }
}

static void store(const edgeq_sound_features_t *sound, void *features, int32_t index, int32_t value) {
  const int32_t y = edgeq_requantize(value + sound->offset, sound->multiplier, sound->shift);
  if (sound->output_bits == 8) {
    ((int8_t *)features)[index] = edgeq_output(y, sound->zero_point, INT8_MIN, INT8_MAX);
  } else {
    const int32_t zero = sound->zero_point;
    ((int16_t *)features)[index] = (int16_t)(edgeq_clamp(y, INT16_MIN - zero, INT16_MAX - zero) + zero);
  }
}

/* One frame; its features go to `index` and on. Returns the index after them. */
static int32_t frame(const edgeq_sound_features_t *sound, const int16_t *samples, void *features, int32_t index,
                     int32_t *scratch) {
  int32_t *level = scratch + (1 << sound->fft_bits);
  const int32_t exponent = edgeq_sound_spectrum(sound, samples, scratch);
  const int16_t *cosine = sound->cosines;
  levels(sound, scratch, exponent, level);
  if (sound->mfcc == 0) {
    for (int32_t m = 0; m < sound->mels; m++) {
      store(sound, features, index + m, level[m]);
    }
    return index + sound->mels;
  }
  for (int32_t m = 0; m < sound->mels; m++) {
    level[m] = (level[m] + 64) >> 7; /* Q9, in 16 bits */
  }
  for (int32_t k = 0; k < sound->mfcc; k++) {
    int32_t sum = 0;
    for (int32_t m = 0; m < sound->mels; m++) {
      sum += level[m] * *cosine++;
    }
    store(sound, features, index + k, sum);
  }
  return index + sound->mfcc;
}

void edgeq_sound_features_a16__c(const edgeq_sound_features_t *layer, const int16_t *samples, void *features,
                                 void *scratch) {
  int32_t index = 0;
  for (int32_t left = layer->frames; left > 0; left--) {
    index = frame(layer, samples, features, index, (int32_t *)scratch);
    samples += layer->hop;
  }
}
