/* All sums of a few small weights times values, in the order of the codes: what tables of sums are made of.
 *
 * EDGEQ_SUMS_<weights>_<n>(PUT, at, first, a, b, ...) calls PUT(at + code, first + sum of value(digit of code) * a,
 * ...) for all n codes, least significant digit first. The values may hold several numbers in lanes of one uint32_t:
 * then `first` has a constant in every lane that keeps the sums from going below 0.
 */
#ifndef EDGEQ_DIGIT_SUMS_H
#define EDGEQ_DIGIT_SUMS_H

/* One bit per weight: 0 is +1, 1 is -1. */
#define EDGEQ_SUMS_W1_2(PUT, at, first, a) \
  PUT(at, (first) + (a));                  \
  PUT((at) + 1, (first) - (a))
#define EDGEQ_SUMS_W1_4(PUT, at, first, a, b) \
  EDGEQ_SUMS_W1_2(PUT, at, (first) + (b), a); \
  EDGEQ_SUMS_W1_2(PUT, (at) + 2, (first) - (b), a)
#define EDGEQ_SUMS_W1_8(PUT, at, first, a, b, c) \
  EDGEQ_SUMS_W1_4(PUT, at, (first) + (c), a, b); \
  EDGEQ_SUMS_W1_4(PUT, (at) + 4, (first) - (c), a, b)
#define EDGEQ_SUMS_W1_16(PUT, at, first, a, b, c, d) \
  EDGEQ_SUMS_W1_8(PUT, at, (first) + (d), a, b, c);  \
  EDGEQ_SUMS_W1_8(PUT, (at) + 8, (first) - (d), a, b, c)

/* Two bits per weight, two's complement: 0, 1, -2, -1. */
#define EDGEQ_SUMS_W2_4(PUT, at, first, a) \
  PUT(at, first);                          \
  PUT((at) + 1, (first) + (a));            \
  PUT((at) + 2, (first) - (a) - (a));      \
  PUT((at) + 3, (first) - (a))
#define EDGEQ_SUMS_W2_16(PUT, at, first, a, b)            \
  EDGEQ_SUMS_W2_4(PUT, at, first, a);                     \
  EDGEQ_SUMS_W2_4(PUT, (at) + 4, (first) + (b), a);       \
  EDGEQ_SUMS_W2_4(PUT, (at) + 8, (first) - (b) - (b), a); \
  EDGEQ_SUMS_W2_4(PUT, (at) + 12, (first) - (b), a)

/* Digits of base 3: -1, 0, +1. */
#define EDGEQ_SUMS_WT_3(PUT, at, first, a) \
  PUT(at, (first) - (a));                  \
  PUT((at) + 1, first);                    \
  PUT((at) + 2, (first) + (a))
#define EDGEQ_SUMS_WT_9(PUT, at, first, a, b) \
  EDGEQ_SUMS_WT_3(PUT, at, (first) - (b), a); \
  EDGEQ_SUMS_WT_3(PUT, (at) + 3, first, a);   \
  EDGEQ_SUMS_WT_3(PUT, (at) + 6, (first) + (b), a)
#define EDGEQ_SUMS_WT_27(PUT, at, first, a, b, c) \
  EDGEQ_SUMS_WT_9(PUT, at, (first) - (c), a, b);  \
  EDGEQ_SUMS_WT_9(PUT, (at) + 9, first, a, b);    \
  EDGEQ_SUMS_WT_9(PUT, (at) + 18, (first) + (c), a, b)

#endif
