/* Mean of any shape. Output by output; five instructions per element. */
#define EDGEQ_KERNEL edgeq_mean_a8__c
#define EDGEQ_INPUT int8_t
#define EDGEQ_OUTPUT int8_t
#define EDGEQ_LOWEST INT8_MIN
#define EDGEQ_HIGHEST INT8_MAX

#include "any_width.h"
