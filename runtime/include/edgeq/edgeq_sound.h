/* Sound features: log-Mel and MFCC from int16 samples, frame by frame, in integers.
 *
 * edgeq/sound/tables.py derives the arithmetic, edgeq/sound/reference.py is the twin: the same bits. `edgeq features`
 * writes the tables of a front end as a const edgeq_sound_t; state and scratch are the caller's. Nothing here divides,
 * allocates, or uses floats.
 *
 *   static int16_t frame[KWS_FRAME_SAMPLES];
 *   static int32_t scratch[KWS_SCRATCH_WORDS];
 *   edgeq_sound_stream_t stream;
 *   edgeq_sound_start(&stream, &kws, frame, scratch);
 *   ...
 *   while (edgeq_sound_next(&stream, &samples, &count, features)) {
 *     use(features);
 *   }
 */
#ifndef EDGEQ_SOUND_H
#define EDGEQ_SOUND_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One front end. The generator writes it; the functions trust it. */
typedef struct {
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
} edgeq_sound_t;

/* A stream of samples. Set by edgeq_sound_start, kept by the caller between calls. */
typedef struct {
  const edgeq_sound_t *sound;
  int16_t *frame;   /* [window] the newest samples of the frame that is being filled */
  int32_t *scratch; /* [points + mels] */
  int32_t filled;   /* samples in frame; negative: samples to skip, where the hop is longer than the window */
} edgeq_sound_stream_t;

/* The features of one frame. samples: [window]; features: [mfcc or mels] of output_bits; scratch: [points + mels]. */
void edgeq_sound_features(const edgeq_sound_t *sound, const int16_t *samples, void *features, int32_t *scratch);

/* Begins a stream, or begins it again: the next frame starts at the next sample. frame: [window], scratch:
 * [points + mels]; both belong to the caller, scratch may be used for other things between calls. */
void edgeq_sound_start(edgeq_sound_stream_t *stream, const edgeq_sound_t *sound, int16_t *frame, int32_t *scratch);

/* Takes samples until a frame is complete; then writes its features and returns 1. Returns 0 when all samples are
 * taken and no frame is complete. *samples and *count move past what was taken, so call it until it returns 0. */
int32_t edgeq_sound_next(edgeq_sound_stream_t *stream, const int16_t **samples, uint32_t *count, void *features);

/* The spectrum of a windowed frame divided by its points: real and imaginary parts of the bins 1 to points / 2 - 1,
 * scratch[2 * bin] and the next. Returns the exponent e: samples were taken times 2^e. samples: [window]. */
int32_t edgeq_sound_spectrum(const edgeq_sound_t *sound, const int16_t *samples, int32_t *scratch);

#ifdef __cplusplus
}
#endif

#endif
