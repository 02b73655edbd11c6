/* The frame of attention by two rows of queries at a time, tile by tile of keys.
 *
 * A first pass over the keys finds each row's largest score, a second adds up probabilities and weighted values. Where
 * the tile holds all the keys a row sees, the second pass finds the scores there; otherwise they are computed again,
 * which is exact, while sums rescaled to a running maximum would be rounded. */
#include <string.h>

#include "edgeq/edgeq_attention.h"

#include "rows.h"

/* Two rows of queries that share keys and values. */
typedef struct {
  const int8_t *q;
  int8_t *y;
  int32_t visible;
} edgeq_attention_row_t;

/* What is done inside: with two rows of queries, and a run of `count` keys of one head. */
typedef struct {
  /* The queries with their zero point taken off, as `scores` wants them: 4 bytes for every filled up element. */
  void (*widen)(const edgeq_attention_t *layer, const edgeq_attention_row_t row[2], void *wide);
  /* scores[r][j] = sum over e of (q[r][e] - q_zero_point) * k[j][e] */
  void (*scores)(const edgeq_attention_t *layer, const void *wide, const int8_t *k, int32_t count,
                 int32_t *const scores[2]);
  /* Turns each row's first seen[r] scores into probabilities as `mix` wants them, the others into 0; adds them up. */
  void (*weigh)(const edgeq_exponential_t *law, int32_t *const scores[2], const int32_t seen[2], int32_t count,
                const int32_t largest[2], int32_t total[2]);
  /* sums[r][c] += sum over j of p[r][j] * v[j][c]; there is room for filled up columns. */
  void (*mix)(const edgeq_attention_t *layer, const int32_t *const p[2], const int8_t *v, int32_t count,
              int32_t *const sums[2]);
} edgeq_attention_steps_t;

/* widen, for queries in 16 bits, one row after the other. */
static inline void edgeq_attention_widen(const edgeq_attention_t *layer, const edgeq_attention_row_t row[2],
                                         void *wide) {
  int16_t *to = (int16_t *)wide;
  for (int32_t r = 0; r < 2; r++) {
    for (int32_t e = 0; e < layer->depth; e++) {
      *to++ = (int16_t)(row[r].q[e] - layer->q_zero_point);
    }
  }
}

static inline int32_t edgeq_attention_seen(const edgeq_attention_row_t *row, int32_t first, int32_t count) {
  return edgeq_clamp(row->visible - first, 0, count);
}

/* weigh, for probabilities in 32 bits. */
static inline void edgeq_attention_weigh(const edgeq_exponential_t *law, int32_t *const scores[2],
                                         const int32_t seen[2], int32_t count, const int32_t largest[2],
                                         int32_t total[2]) {
  for (int32_t r = 0; r < 2; r++) {
    memset(scores[r] + seen[r], 0, (size_t)(count - seen[r]) * sizeof *scores[r]);
    total[r] += edgeq_attention_probabilities(law, scores[r], seen[r], largest[r]);
  }
}

static inline void edgeq_attention_two(const edgeq_attention_t *layer, const edgeq_attention_row_t row[2],
                                       const int8_t *k, const int8_t *v, int32_t *scratch,
                                       const edgeq_attention_steps_t *steps) {
  const edgeq_exponential_t law = {layer->exponentials, layer->left, layer->factor, layer->limit};
  const int32_t tile = layer->tile;
  int32_t *const scores[2] = {scratch, scratch + tile};
  const int32_t filled = (layer->columns + 3) & ~3;
  int32_t *const sums[2] = {scratch + 2 * tile, scratch + 2 * tile + filled};
  void *const wide = sums[1] + filled;
  const int32_t seen = row[0].visible > row[1].visible ? row[0].visible : row[1].visible;
  int32_t largest[2] = {INT32_MIN, INT32_MIN};
  int32_t total[2] = {0, 0};
  steps->widen(layer, row, wide);
  memset(sums[0], 0, 2 * (size_t)filled * sizeof *sums[0]);
  for (int32_t first = 0; first < seen; first += tile) {
    const int32_t count = seen - first < tile ? seen - first : tile;
    steps->scores(layer, wide, k + first * layer->k_token, count, scores);
    for (int32_t r = 0; r < 2; r++) {
      largest[r] = edgeq_attention_largest(scores[r], edgeq_attention_seen(&row[r], first, count), largest[r]);
    }
  }
  for (int32_t first = 0; first < seen; first += tile) {
    const int32_t count = seen - first < tile ? seen - first : tile;
    if (seen > tile) {
      steps->scores(layer, wide, k + first * layer->k_token, count, scores);
    }
    const int32_t own[2] = {edgeq_attention_seen(&row[0], first, count), edgeq_attention_seen(&row[1], first, count)};
    steps->weigh(&law, scores, own, count, largest, total);
    steps->mix(layer, (const int32_t *const *)scores, v + first * layer->v_token, count, sums);
  }
  for (int32_t r = 0; r < 2; r++) {
    edgeq_attention_finish(sums[r], layer->columns, total[r], layer->v_zero_point, layer->multiplier, layer->shift,
                           layer->output_zero_point, row[r].y);
  }
}

/* The whole layer. Rows with the same keys go in pairs, those of one query first; an odd last row is its own partner.
 */
static inline void edgeq_attention_layer(const edgeq_attention_t *layer, const int8_t *q, const int8_t *k,
                                         const int8_t *v, int8_t *output, void *scratch,
                                         const edgeq_attention_steps_t *steps) {
  const int32_t rows = layer->group * layer->queries;
  for (int32_t b = 0; b < layer->batches; b++) {
    for (int32_t head = 0; head < layer->heads; head += layer->group) {
      const int8_t *const from = q + layer->q_start + b * layer->q_batch + head * layer->q_head;
      int8_t *const to = output + b * layer->y_batch + head * layer->y_head;
      int32_t token = 0;
      int32_t member = 0;
      for (int32_t done = 0; done < rows; done += 2) {
        edgeq_attention_row_t row[2];
        for (int32_t r = 0; r < 2; r++) {
          row[r].q = from + member * layer->q_head + token * layer->q_token;
          row[r].y = to + member * layer->y_head + token * layer->y_token;
          row[r].visible = layer->visible + token * layer->visible_step;
          if (done + r + 1 < rows && ++member == layer->group) {
            member = 0;
            token++;
          }
        }
        edgeq_attention_two(layer, row, k + layer->k_start, v + layer->v_start, (int32_t *)scratch, steps);
      }
      k += layer->k_head;
      v += layer->v_head;
    }
    k += layer->k_batch - layer->heads / layer->group * layer->k_head;
    v += layer->v_batch - layer->heads / layer->group * layer->v_head;
  }
}
