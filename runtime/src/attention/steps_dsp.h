/* Inner loops of attention for Arm cores with the DSP extension: two queries with two keys, then their probabilities
 * with two columns at a time.
 *
 * Queries lie in scratch as halfwords in the order that SXTB16 gives keys, of every four elements 0 and 2, then 1 and
 * 3, one row beside the other, filled up with zeros. Probabilities are halfwords too: those of two keys make a word,
 * the rows take turns; SXTB16 makes a word of the values of two keys when their bytes stand together.
 *
 * Cost: per two keys and 4 of depth 17 instructions for 16 MACs, 18 more for every two keys; per four keys and 2
 * columns 23 for 16; about 18 for every probability. SMLAD (0.5) and the expansion to halfwords limit it. */
#include "edgeq/edgeq_dsp.h"

#include "pairs.h"

/* Scores of an even number of keys. */
typedef struct {
  const uint32_t *wide, *wide_end;
  const int8_t *k;
  int32_t token;
  int32_t skip; /* from the filled up end of a key to the next one */
  int32_t *to0, *to1, *to0_end;
} edgeq_score_run_t;

/* Sums of two columns over a multiple of four keys. */
typedef struct {
  const int8_t *v;
  int32_t token;
  const int32_t *p, *p_end;
  int32_t *sums0, *sums1;
} edgeq_mix_run_t;

#if defined(__ARM_FEATURE_DSP)

/* clang-format off */
/* One key at `key`: sums of the two rows. */
#define SCORE(key, sum0, sum1)           \
  "ldr r12, [" key "], #4\n"             \
  "sxtb16 lr, r12\n"                     \
  "sxtb16 r12, r12, ror #8\n"            \
  "smlad " sum0 ", r4, lr, " sum0 "\n"   \
  "smlad " sum1 ", r6, lr, " sum1 "\n"   \
  "smlad " sum0 ", r5, r12, " sum0 "\n"  \
  "smlad " sum1 ", r7, r12, " sum1 "\n"

/* Two keys with these values. */
#define MIX(first, second)               \
  "ldrh r8, " first "\n"                 \
  "ldrh r9, " second "\n"                \
  "ldm r2!, {r10, r11}\n"                \
  "orr r8, r8, r9, lsl #16\n"            \
  "sxtb16 r9, r8\n"                      \
  "sxtb16 r8, r8, ror #8\n"              \
  "smlad r4, r10, r9, r4\n"              \
  "smlad r5, r10, r8, r5\n"              \
  "smlad r6, r11, r9, r6\n"              \
  "smlad r7, r11, r8, r7\n"
/* clang-format on */

EDGEQ_NAKED static void edgeq_attention_score(__attribute__((unused)) edgeq_score_run_t *run) {
  __asm__ volatile(
      ".syntax unified\n"
      "push {r0, r4-r11, lr}\n"
      "ldrd r1, r2, [r0, #4]\n"
      "1:\n"
      "ldr lr, [sp]\n"
      "ldr r0, [lr]\n"
      "ldr r3, [lr, #12]\n"
      "mov r8, #0\n"
      "mov r9, #0\n"
      "mov r10, #0\n"
      "mov r11, #0\n"
      "add r3, r2, r3\n"
      "2:\n"
      "ldm r0!, {r4-r7}\n" SCORE("r2", "r8", "r9") SCORE("r3", "r10", "r11")
      "cmp r0, r1\n"
      "bne 2b\n"
      "ldr lr, [sp]\n"
      "ldr r2, [lr, #16]\n"
      "ldrd r4, r5, [lr, #20]\n"
      "ldr r6, [lr, #28]\n"
      "add r2, r3, r2\n"
      "strd r8, r10, [r4], #8\n"
      "strd r9, r11, [r5], #8\n"
      "strd r4, r5, [lr, #20]\n"
      "cmp r4, r6\n"
      "bne 1b\n"
      "pop {r0, r4-r11, pc}\n");
}

EDGEQ_NAKED static void edgeq_attention_mix_columns(__attribute__((unused)) const edgeq_mix_run_t *run) {
  __asm__ volatile(
      ".syntax unified\n"
      "push {r0, r4-r11, lr}\n"
      "ldrd r8, r9, [r0, #16]\n"
      "ldm r0, {r0-r3}\n"
      "ldrd r4, r5, [r8]\n"
      "ldrd r6, r7, [r9]\n"
      "add r12, r1, r1, lsl #1\n"
      "1:\n" MIX("[r0]", "[r0, r1]") MIX("[r0, r1, lsl #1]", "[r0, r12]")
      "add r0, r0, r1, lsl #2\n"
      "cmp r2, r3\n"
      "bne 1b\n"
      "pop {r0}\n"
      "ldrd r8, r9, [r0, #16]\n"
      "strd r4, r5, [r8]\n"
      "strd r6, r7, [r9]\n"
      "pop {r4-r11, pc}\n");
}

#else

static inline void edgeq_attention_score(edgeq_score_run_t *run) {
  while (run->to0 != run->to0_end) {
    for (int32_t key = 0; key < 2; key++) {
      int32_t sums[2] = {0, 0};
      for (const uint32_t *q = run->wide; q != run->wide_end; q += 4, run->k += 4) {
        const uint32_t word = ((const edgeq_unaligned_t *)(const void *)run->k)->value;
        for (int32_t r = 0; r < 2; r++) {
          sums[r] = edgeq_add_products(sums[r], q[2 * r], edgeq_even_bytes(word));
          sums[r] = edgeq_add_products(sums[r], q[2 * r + 1], edgeq_odd_bytes(word));
        }
      }
      *run->to0++ = sums[0];
      *run->to1++ = sums[1];
      run->k += run->skip;
    }
  }
}

static void edgeq_attention_mix_columns(const edgeq_mix_run_t *run) {
  const int8_t *v = run->v;
  for (const int32_t *p = run->p; p != run->p_end; p += 2) {
    const uint32_t first = (uint32_t)((uint8_t)v[0] | (uint8_t)v[1] << 8);
    const uint32_t second = (uint32_t)((uint8_t)v[run->token] | (uint8_t)v[run->token + 1] << 8);
    const uint32_t bytes = first | second << 16;
    run->sums0[0] = edgeq_add_products(run->sums0[0], (uint32_t)p[0], edgeq_even_bytes(bytes));
    run->sums0[1] = edgeq_add_products(run->sums0[1], (uint32_t)p[0], edgeq_odd_bytes(bytes));
    run->sums1[0] = edgeq_add_products(run->sums1[0], (uint32_t)p[1], edgeq_even_bytes(bytes));
    run->sums1[1] = edgeq_add_products(run->sums1[1], (uint32_t)p[1], edgeq_odd_bytes(bytes));
    v += 2 * run->token;
  }
}

#endif

static inline void edgeq_attention_widen_dsp(const edgeq_attention_t *layer, const edgeq_attention_row_t row[2],
                                             void *wide) {
  uint32_t *to = (uint32_t *)wide;
  for (int32_t e = 0; e < layer->depth; e += 4) {
    for (int32_t r = 0; r < 2; r++) {
      uint32_t half[4];
      for (int32_t i = 0; i < 4; i++) {
        half[i] = e + i < layer->depth ? (uint16_t)(row[r].q[e + i] - layer->q_zero_point) : 0;
      }
      *to++ = half[0] | half[2] << 16;
      *to++ = half[1] | half[3] << 16;
    }
  }
}

static inline void edgeq_attention_scores_dsp(const edgeq_attention_t *layer, const void *wide, const int8_t *k,
                                              int32_t count, int32_t *const scores[2]) {
  const int32_t filled = (layer->depth + 3) & ~3;
  const uint32_t *const from = (const uint32_t *)wide;
  const int32_t even = count & ~1;
  edgeq_score_run_t run = {from,      from + filled,   k, layer->k_token, layer->k_token - filled, scores[0],
                           scores[1], scores[0] + even};
  if (even > 0) {
    edgeq_attention_score(&run);
  }
  if (even < count) { /* the last key is its own partner */
    int32_t last[2][2];
    edgeq_score_run_t one = {from, from + filled, k + even * layer->k_token, 0, -filled, last[0], last[1], last[0] + 2};
    edgeq_attention_score(&one);
    scores[0][even] = last[0][0];
    scores[1][even] = last[1][0];
  }
}

/* Probability of keys 2 i and 2 i + 1 in row r: word 2 i + r of the scores of both rows, which are read by then. */
static inline void edgeq_attention_weigh_dsp(const edgeq_exponential_t *law, int32_t *const scores[2],
                                             const int32_t seen[2], int32_t count, const int32_t largest[2],
                                             int32_t total[2]) {
  const edgeq_exponential_t own = *law;
  for (int32_t r = 0; r < 2; r++) {
    const int32_t *from = scores[r];
    int32_t *to = scores[0] + r;
    int32_t sum = 0;
    int32_t left = seen[r];
    for (; left >= 2; left -= 2, from += 2, to += 2) {
      const int32_t p0 = edgeq_attention_probability(&own, largest[r], from[0]);
      const int32_t p1 = edgeq_attention_probability(&own, largest[r], from[1]);
      sum += p0 + p1;
      *to = p0 | (int32_t)((uint32_t)p1 << 16);
    }
    if (left > 0) {
      *to = edgeq_attention_probability(&own, largest[r], *from);
      sum += *to;
      to += 2;
    }
    for (left = (count + 1) / 2 - (seen[r] + 1) / 2; left > 0; left--, to += 2) {
      *to = 0;
    }
    total[r] += sum;
  }
}

/* Up to three keys. */
static inline void edgeq_attention_mix_last(const edgeq_attention_t *layer, const int32_t *p, const int8_t *v,
                                            int32_t count, int32_t *const sums[2]) {
  for (int32_t j = 0; j < count; j++, v += layer->v_token) {
    for (int32_t r = 0; r < 2; r++) {
      const int32_t weight = (int16_t)((uint32_t)p[(j & ~1) + r] >> (16 * (j & 1)));
      for (int32_t c = 0; c < layer->columns; c++) {
        sums[r][c] += weight * v[c];
      }
    }
  }
}

static inline void edgeq_attention_mix_dsp(const edgeq_attention_t *layer, const int32_t *const p[2], const int8_t *v,
                                           int32_t count, int32_t *const sums[2]) {
  const int32_t whole = count & ~3;
  for (int32_t c = 0; whole > 0 && c < layer->columns; c += 2) {
    const edgeq_mix_run_t run = {v + c, layer->v_token, p[0], p[0] + whole, sums[0] + c, sums[1] + c};
    edgeq_attention_mix_columns(&run);
  }
  edgeq_attention_mix_last(layer, p[0] + whole, v + whole * layer->v_token, count - whole, sums);
}

static const edgeq_attention_steps_t edgeq_attention_dsp = {edgeq_attention_widen_dsp, edgeq_attention_scores_dsp,
                                                            edgeq_attention_weigh_dsp, edgeq_attention_mix_dsp};
