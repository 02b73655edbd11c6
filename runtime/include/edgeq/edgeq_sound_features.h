/* Sound features: log-Mel and MFCC of frames of int16 samples, in integers.
 *
 * edgeq/ops/sound_tables.py derives the arithmetic, edgeq/ops/sound_reference.py is the twin: the same bits. Nothing
 * here divides, allocates, or uses floats. edgeq_sound.h cuts a stream of samples into frames.
 */
#ifndef EDGEQ_SOUND_FEATURES_H
#define EDGEQ_SOUND_FEATURES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One front end. The converter writes it; kernels trust it. */
typedef struct {
  int32_t frames;          /* of one call; > 0 */
  int32_t window;          /* samples of a frame: [2, 2^fft_bits] */
  int32_t hop;             /* samples from one frame to the next: [1, 32767] */
  int32_t fft_bits;        /* the FFT has 2^fft_bits points: [5, 12] */
  int32_t mels;            /* bands: [1, 128] */
  int32_t mfcc;            /* coefficients, 0 for log-Mel: [0, mels] */
  const int32_t *shape;    /* the window, Q31: [window] */
  const int32_t *twiddles; /* real, imaginary part of exp(-2 pi i k / points), Q31: [points / 2][2] */
  const uint16_t *edges;   /* first bin at or above each corner of the triangles, in [1, points / 2]: [mels + 2] */
  const uint16_t *weights; /* of the rising slope at each bin, Q15: [edges[mels + 1] - edges[0]] */
  const int32_t *offsets;  /* added to the logarithm of each band, Q16: [mels] */
  const uint16_t *logs;    /* log2(1 + i / 64), Q15: [65] */
  const int16_t *cosines;  /* [mfcc][mels]; null for log-Mel */
  int32_t floor;           /* least logarithm, Q16 */
  int32_t offset;          /* added to logarithms, Q16: |.| < 2^24; or to sums of cosines: < 2^30 */
  int32_t multiplier;      /* from logarithms or sums of cosines to features, as in edgeq_requantize.h */
  int32_t shift;
  int32_t zero_point;
  int32_t output_bits; /* 8: features are int8; 16: int16 */
} edgeq_sound_features_t;

/* samples: [(frames - 1) * hop + window]; features: [frames][mfcc or mels] of output_bits; scratch, aligned to 4 bytes:
 * int32 [points + mels]. */
void edgeq_sound_features_a16__c(const edgeq_sound_features_t *layer, const int16_t *samples, void *features,
                                 void *scratch);

#ifdef __cplusplus
}
#endif

#endif
