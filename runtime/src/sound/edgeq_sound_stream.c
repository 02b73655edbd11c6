/* Cuts a stream of samples into frames that overlap. */
#include <string.h>

#include "edgeq/edgeq_sound.h"

void edgeq_sound_start(edgeq_sound_stream_t *stream, const edgeq_sound_features_t *sound, int16_t *frame,
                       int32_t *scratch) {
  stream->sound = sound;
  stream->frame = frame;
  stream->scratch = scratch;
  stream->filled = 0;
}

int32_t edgeq_sound_next(edgeq_sound_stream_t *stream, const int16_t **samples, uint32_t *count, void *features) {
  const edgeq_sound_features_t *sound = stream->sound;
  if (stream->filled < 0) {
    const uint32_t skip = (uint32_t)-stream->filled;
    const uint32_t taken = *count < skip ? *count : skip;
    *samples += taken;
    *count -= taken;
    stream->filled += (int32_t)taken;
    if (stream->filled < 0) {
      return 0;
    }
  }
  const uint32_t missing = (uint32_t)(sound->window - stream->filled);
  const uint32_t taken = *count < missing ? *count : missing;
  if (taken > 0) {
    memcpy(stream->frame + stream->filled, *samples, taken * sizeof(int16_t));
    *samples += taken;
    *count -= taken;
    stream->filled += (int32_t)taken;
  }
  if (stream->filled < sound->window) {
    return 0;
  }
  edgeq_sound_features_a16__c(sound, stream->frame, features, stream->scratch);
  stream->filled = sound->window - sound->hop;
  if (stream->filled > 0) {
    memmove(stream->frame, stream->frame + sound->hop, (uint32_t)stream->filled * sizeof(int16_t));
  }
  return 1;
}
