/* What kernels for Arm cores with the DSP extension (Cortex-M4, M7, M33) share: bytes into halfwords, and the
 * requantization of a sum as text of assembly.
 *
 * Inner loops and requantization are assembly because both compilers spill, or undo the blocking; what surrounds them
 * is C. Elsewhere, so that the same folder is proved on a PC with sanitizers, all of it is C.
 */
#ifndef EDGEQ_DSP_H
#define EDGEQ_DSP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A word at any address: these cores load it in one instruction. */
typedef struct __attribute__((packed, may_alias)) {
  uint32_t value;
} edgeq_unaligned_t;

#if defined(__ARM_FEATURE_DSP)

/* A function that is assembly alone: arguments in r0 to r3 and on the stack, r4 to r11 preserved, as the ABI says. */
#define EDGEQ_NAKED __attribute__((naked, noinline))

/* Bytes 0 and 2 of a word, sign-extended, in the low and the high half. */
static inline uint32_t edgeq_even_bytes(uint32_t word) {
  uint32_t result;
  __asm__("sxtb16 %0, %1" : "=r"(result) : "r"(word));
  return result;
}

/* Bytes 1 and 3 likewise. */
static inline uint32_t edgeq_odd_bytes(uint32_t word) {
  uint32_t result;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(result) : "r"(word));
  return result;
}

/* sum + both halves of a word. */
static inline int32_t edgeq_add_halves(int32_t sum, uint32_t halves) {
  __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(halves), "r"(0x00010001));
  return sum;
}

/* Assembly that requantizes `sum` with TFLite's double rounding, and one that then stores the byte at `address`.
 *
 * factor: the multiplier m as 2 m - 2^32, so that sum + sum * factor / 2^32 is the high product sum * m / 2^31, rounded
 * half up by SMMLAR. Adding its sign (0 or -1) and rounding half up once more, with the carry that ASRS leaves, rounds
 * the shift half away from zero. shift: [1, 31] in the low byte; zero_point: added last, before saturation. */
/* clang-format off */
#define EDGEQ_DSP_ROUND(sum, factor, shift, zero_point)           \
  "smmlar " sum ", " sum ", " factor ", " sum "\n"                \
  "add " sum ", " sum ", " sum ", asr #31\n"                      \
  "asrs " sum ", " sum ", " shift "\n"                            \
  "adc " sum ", " sum ", " zero_point "\n"                        \
  "ssat " sum ", #8, " sum "\n"
#define EDGEQ_DSP_FINISH(sum, factor, shift, zero_point, address) \
  EDGEQ_DSP_ROUND(sum, factor, shift, zero_point)                 \
  "strb " sum ", " address "\n"

/* The same with a single rounding: SMMLA floors the high product, the shift rounds half up, which is half away from
 * zero where no sum is a tie. */
#define EDGEQ_DSP_FINISH_ONCE(sum, factor, shift, zero_point, address) \
  "smmla " sum ", " sum ", " factor ", " sum "\n"                      \
  "asrs " sum ", " sum ", " shift "\n"                                 \
  "adc " sum ", " sum ", " zero_point "\n"                             \
  "ssat " sum ", #8, " sum "\n"                                        \
  "strb " sum ", " address "\n"
/* clang-format on */

/* EDGEQ_DSP_ROUND as a function. */
static inline int8_t edgeq_dsp_round(int32_t sum, int32_t factor, int32_t shift, int32_t zero_point) {
  __asm__(EDGEQ_DSP_ROUND("%0", "%1", "%2", "%3") : "+r"(sum) : "r"(factor), "r"(shift), "r"(zero_point) : "cc");
  return (int8_t)sum;
}

#else

static inline uint32_t edgeq_even_bytes(uint32_t word) {
  return (uint32_t)(uint16_t)(int8_t)word | (uint32_t)(uint16_t)(int8_t)(word >> 16) << 16;
}

static inline uint32_t edgeq_odd_bytes(uint32_t word) {
  return edgeq_even_bytes(word >> 8);
}

/* sum + the products of the low and of the high halves. */
static inline int32_t edgeq_add_products(int32_t sum, uint32_t a, uint32_t b) {
  return sum + (int16_t)a * (int16_t)b + (int16_t)(a >> 16) * (int16_t)(b >> 16);
}

static inline int32_t edgeq_add_halves(int32_t sum, uint32_t halves) {
  return sum + (int16_t)halves + (int16_t)(halves >> 16);
}

/* The `shift` bits of x rounded half up, plus the zero point, saturated. */
static inline int8_t edgeq_dsp_shift(int32_t x, int32_t shift, int32_t zero_point) {
  const int32_t y = (((x >> ((shift & 0xff) - 1)) + 1) >> 1) + zero_point;
  return (int8_t)(y < INT8_MIN ? INT8_MIN : y > INT8_MAX ? INT8_MAX : y);
}

static inline int8_t edgeq_dsp_round(int32_t sum, int32_t factor, int32_t shift, int32_t zero_point) {
  const int32_t high = sum + (int32_t)(((int64_t)sum * factor + 0x80000000) >> 32);
  return edgeq_dsp_shift(high + (high >> 31), shift, zero_point);
}

static inline int8_t edgeq_dsp_round_once(int32_t sum, int32_t factor, int32_t shift, int32_t zero_point) {
  return edgeq_dsp_shift(sum + (int32_t)(((int64_t)sum * factor) >> 32), shift, zero_point);
}

/* Half i of words that are kept as halves. */
static inline int32_t edgeq_half(const uint32_t *words, int32_t i) {
  return (int16_t)(words[i >> 1] >> (16 * (i & 1)));
}

/* Half i of little-endian bytes. */
static inline int32_t edgeq_stored_half(const int8_t *bytes, int32_t i) {
  return bytes[2 * i + 1] * 256 + (uint8_t)bytes[2 * i];
}

/* Where of every four bytes SXTB16 puts number i: 0, 2, 1, 3. */
static inline int32_t edgeq_sxtb16_place(int32_t i) {
  return (i & ~3) | (i & 1) << 1 | (i >> 1 & 1);
}

#endif

/* Limits `count` bytes to [low, high]; nothing to do for the limits of int8, which the stores keep. */
static inline void edgeq_clamp_bytes(int8_t *bytes, int32_t count, int32_t low, int32_t high) {
  if (low == INT8_MIN && high == INT8_MAX) {
    return;
  }
  for (; count > 0; count--, bytes++) {
    const int32_t value = *bytes;
    *bytes = (int8_t)(value < low ? low : value > high ? high : value);
  }
}

#ifdef __cplusplus
}
#endif

#endif
