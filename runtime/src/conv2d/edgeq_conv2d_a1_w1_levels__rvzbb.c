/* Convolution of binary inputs with binary weights by words of 32 inputs, which RISC-V cores with Zbb count in
 * one instruction. */
#define EDGEQ_KERNEL edgeq_conv2d_a1_w1_levels__rvzbb
#define EDGEQ_COUNT_BITS(x) __builtin_popcount(x)
#include "words.h"
