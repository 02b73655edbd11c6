/* The spectrum of real samples: a radix-2 FFT of half as many complex points, in place, in 32 bits.
 *
 * Samples are shifted left until the largest uses 15 bits; every stage halves, so nothing overflows and nothing else is
 * scaled. Cost: points / 2 * (fft_bits - 1) / 2 butterflies of four long products each. */
#ifndef EDGEQ_SOUND_SPECTRUM_H
#define EDGEQ_SOUND_SPECTRUM_H

#include "edgeq/edgeq_requantize.h"
#include "edgeq/edgeq_sound_features.h"

/* floor(x * weight / 2^32): half of x times a Q31 weight. */
static inline int32_t edgeq_sound_half_product(int32_t x, int32_t weight) {
#if EDGEQ_WIDE_MULTIPLY
  return (int32_t)(((int64_t)x * weight) >> 32);
#else
  const int32_t xl = x & 0xffff;
  const int32_t xh = x >> 16;
  const int32_t wl = weight & 0xffff;
  const int32_t wh = weight >> 16;
  const int32_t low = xh * wl + (int32_t)(((uint32_t)xl * (uint32_t)wl) >> 16); /* in (-2^31, 2^31) */
  const int32_t cross = xl * wh + (low & 0xffff);
  return xh * wh + (low >> 16) + (cross >> 16);
#endif
}

/* The place after `place` when bits count from the top down; half: the number of places. */
static inline uint32_t edgeq_sound_next_reversed(uint32_t place, uint32_t half) {
  uint32_t bit = half >> 1;
  for (; place & bit; bit >>= 1) {
    place ^= bit;
  }
  return place | bit;
}

/* Shifts, windows, and puts the samples in bit-reversed order: even ones as real, odd ones as imaginary parts. */
static inline int32_t edgeq_sound_load(const edgeq_sound_features_t *sound, const int16_t *samples, int32_t *z) {
  const uint32_t half = 1U << (sound->fft_bits - 1);
  const uint32_t window = (uint32_t)sound->window;
  int32_t left = 31;
  int32_t size = 0;
  uint32_t place = 0;
  for (uint32_t i = 0; i < window; i++) {
    size |= samples[i] ^ (samples[i] >> 15);
  }
  for (; size; size >>= 1) {
    left--;
  }
  for (uint32_t n = 0; n < half; n++) {
    int32_t *point = z + 2 * place;
    point[0] = 0;
    point[1] = 0;
    if (2 * n < window) {
      point[0] = edgeq_sound_half_product((int32_t)((uint32_t)samples[2 * n] << left), sound->shape[2 * n]);
    }
    if (2 * n + 1 < window) {
      point[1] = edgeq_sound_half_product((int32_t)((uint32_t)samples[2 * n + 1] << left), sound->shape[2 * n + 1]);
    }
    place = edgeq_sound_next_reversed(place, half);
  }
  return left - 16;
}

/* The first two stages of the transform, whose twiddles are 1 and -i: no products. */
static inline void edgeq_sound_first_stages(int32_t *z, uint32_t words) {
  for (int32_t *a = z; a < z + words; a += 8) {
    const int32_t sum_r = (a[0] >> 1) + (a[2] >> 1);
    const int32_t sum_i = (a[1] >> 1) + (a[3] >> 1);
    const int32_t dif_r = (a[0] >> 1) - (a[2] >> 1);
    const int32_t dif_i = (a[1] >> 1) - (a[3] >> 1);
    const int32_t more_r = ((a[4] >> 1) + (a[6] >> 1)) >> 1;
    const int32_t more_i = ((a[5] >> 1) + (a[7] >> 1)) >> 1;
    /* half_product(x, -2^31) is -((x + 1) >> 1) */
    const int32_t turn_r = ((a[5] >> 1) - (a[7] >> 1) + 1) >> 1;
    const int32_t turn_i = -(((a[4] >> 1) - (a[6] >> 1) + 1) >> 1);
    a[0] = (sum_r >> 1) + more_r;
    a[1] = (sum_i >> 1) + more_i;
    a[2] = (dif_r >> 1) + turn_r;
    a[3] = (dif_i >> 1) + turn_i;
    a[4] = (sum_r >> 1) - more_r;
    a[5] = (sum_i >> 1) - more_i;
    a[6] = (dif_r >> 1) - turn_r;
    a[7] = (dif_i >> 1) - turn_i;
  }
}

/* The other stages; each joins pairs of `width` words. */
static inline void edgeq_sound_transform(const edgeq_sound_features_t *sound, int32_t *z) {
  const uint32_t words = 1U << sound->fft_bits;
  uint32_t step = words / 4;
  edgeq_sound_first_stages(z, words);
  for (uint32_t width = 8; width < words; width *= 2) {
    const int32_t *twiddle = sound->twiddles;
    step >>= 1;
    for (int32_t *a = z; a < z + words; a += 2 * width) {
      int32_t *b = a + width;
      const int32_t tr = b[0] >> 1;
      const int32_t ti = b[1] >> 1;
      b[0] = (a[0] >> 1) - tr;
      b[1] = (a[1] >> 1) - ti;
      a[0] = (a[0] >> 1) + tr;
      a[1] = (a[1] >> 1) + ti;
    }
    for (uint32_t k = 2; k < width; k += 2) {
      twiddle += 2 * step;
      const int32_t c = twiddle[0];
      const int32_t d = twiddle[1];
      for (int32_t *a = z + k; a < z + words; a += 2 * width) {
        int32_t *b = a + width;
        const int32_t tr = edgeq_sound_half_product(b[0], c) - edgeq_sound_half_product(b[1], d);
        const int32_t ti = edgeq_sound_half_product(b[0], d) + edgeq_sound_half_product(b[1], c);
        b[0] = (a[0] >> 1) - tr;
        b[1] = (a[1] >> 1) - ti;
        a[0] = (a[0] >> 1) + tr;
        a[1] = (a[1] >> 1) + ti;
      }
    }
  }
}

/* The real samples' spectrum from that of the complex points, which it replaces. Bin 0 is not one. */
static inline void edgeq_sound_split(const edgeq_sound_features_t *sound, int32_t *z) {
  const uint32_t words = 1U << sound->fft_bits;
  for (uint32_t k = 2; k <= words / 2; k += 2) {
    int32_t *a = z + k;
    int32_t *b = z + words - k;
    const int32_t c = sound->twiddles[k];
    const int32_t d = sound->twiddles[k + 1];
    const int32_t ar = a[0] >> 1;
    const int32_t ai = a[1] >> 1;
    const int32_t br = b[0] >> 1;
    const int32_t bi = b[1] >> 1;
    const int32_t tr = edgeq_sound_half_product(ar - br, d) + edgeq_sound_half_product(ai + bi, c);
    const int32_t ti = edgeq_sound_half_product(ai + bi, d) - edgeq_sound_half_product(ar - br, c);
    b[0] = ((ar + br) >> 1) - tr;
    b[1] = ti - ((ai - bi) >> 1);
    a[0] = ((ar + br) >> 1) + tr;
    a[1] = ((ai - bi) >> 1) + ti;
  }
}

/* The spectrum of a windowed frame divided by its points: real and imaginary parts of the bins 1 to points / 2 - 1,
 * scratch[2 * bin] and the next. Returns the exponent e: samples were taken times 2^e. samples: [window]. */
static inline int32_t edgeq_sound_spectrum(const edgeq_sound_features_t *sound, const int16_t *samples,
                                           int32_t *scratch) {
  const int32_t exponent = edgeq_sound_load(sound, samples, scratch);
  edgeq_sound_transform(sound, scratch);
  edgeq_sound_split(sound, scratch);
  return exponent;
}

#endif
