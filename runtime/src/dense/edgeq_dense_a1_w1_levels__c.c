/* Fully connected layer of binary inputs with binary weights by words of 32 inputs: for few outputs, where bit-slices
 * (edgeq_bit_slices.h) would be empty for the most part. */
#define EDGEQ_KERNEL edgeq_dense_a1_w1_levels__c
#include "words.h"
