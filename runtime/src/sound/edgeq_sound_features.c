/* From a frame to its features: power, Mel bands, logarithm, cosine transform.
 *
 * A bin between two corners lies on the falling slope of one band and on the rising one of the next; the two weights
 * add up to 1, so one product serves both. */
#include "edgeq/edgeq_requantize.h"
#include "edgeq/edgeq_sound.h"

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
static void levels(const edgeq_sound_t *sound, const int32_t *spectrum, int32_t exponent, int32_t *level) {
  const uint16_t *weight = sound->weights;
  uint64_t rising = 0;
  for (int32_t slope = 0; slope <= sound->mels; slope++) {
    uint64_t up = 0;
    uint64_t down = 0;
    for (int32_t bin = sound->edges[slope]; bin < sound->edges[slope + 1]; bin++) {
      const int32_t re = spectrum[2 * bin];
      const int32_t im = spectrum[2 * bin + 1];
      const uint64_t power = (uint64_t)((int64_t)re * re) + (uint64_t)((int64_t)im * im);
      const uint64_t high = (uint64_t)(uint32_t)(power >> 32) * *weight;
      const uint64_t part = (high << 17) + (((uint64_t)(uint32_t)power * *weight) >> 15);
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

static void store(const edgeq_sound_t *sound, void *features, int32_t index, int32_t value) {
  const int32_t y = edgeq_requantize(value, sound->multiplier, sound->shift);
  if (sound->output_bits == 8) {
    ((int8_t *)features)[index] = edgeq_output(y, sound->zero_point, INT8_MIN, INT8_MAX);
  } else {
    const int32_t zero = sound->zero_point;
    ((int16_t *)features)[index] = (int16_t)(edgeq_clamp(y, INT16_MIN - zero, INT16_MAX - zero) + zero);
  }
}

void edgeq_sound_features(const edgeq_sound_t *sound, const int16_t *samples, void *features, int32_t *scratch) {
  int32_t *level = scratch + (1 << sound->fft_bits);
  const int32_t exponent = edgeq_sound_spectrum(sound, samples, scratch);
  const int16_t *cosine = sound->cosines;
  levels(sound, scratch, exponent, level);
  if (sound->mfcc == 0) {
    for (int32_t m = 0; m < sound->mels; m++) {
      store(sound, features, m, level[m]);
    }
    return;
  }
  for (int32_t m = 0; m < sound->mels; m++) {
    level[m] = (level[m] + 64) >> 7; /* Q9, in 16 bits */
  }
  for (int32_t k = 0; k < sound->mfcc; k++) {
    int32_t sum = 0;
    for (int32_t m = 0; m < sound->mels; m++) {
      sum += level[m] * *cosine++;
    }
    store(sound, features, k, sum);
  }
}
