/* Sound features from a stream of samples, frame by frame.
 *
 * `edgeq features` writes the tables of a front end as a const edgeq_sound_features_t; state and scratch are the
 * caller's.
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

#include "edgeq/edgeq_sound_features.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A stream of samples. Set by edgeq_sound_start, kept by the caller between calls. */
typedef struct {
  const edgeq_sound_features_t *sound;
  int16_t *frame;   /* [window] the newest samples of the frame that is being filled */
  int32_t *scratch; /* [points + mels] */
  int32_t filled;   /* samples in frame; negative: samples to skip, where the hop is longer than the window */
} edgeq_sound_stream_t;

/* Begins a stream, or begins it again: the next frame starts at the next sample. frame: [window], scratch:
 * [points + mels]; both belong to the caller, scratch may be used for other things between calls. */
void edgeq_sound_start(edgeq_sound_stream_t *stream, const edgeq_sound_features_t *sound, int16_t *frame,
                       int32_t *scratch);

/* Takes samples until a frame is complete; then writes its features and returns 1. Returns 0 when all samples are
 * taken and no frame is complete. *samples and *count move past what was taken, so call it until it returns 0. */
int32_t edgeq_sound_next(edgeq_sound_stream_t *stream, const int16_t **samples, uint32_t *count, void *features);

#ifdef __cplusplus
}
#endif

#endif
