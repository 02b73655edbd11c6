/* LayerNorm and RMSNorm of any shape.
 *
 * Cost: two passes, about 6 instructions per element for the sums and 30 for the outputs, and about 150 per row for
 * 1 / sqrt(W); the two long products per element limit it. */
#define EDGEQ_KERNEL edgeq_layer_norm_a8__c
#define EDGEQ_INPUT int8_t
#define EDGEQ_OUTPUT int8_t
#define EDGEQ_LOWEST INT8_MIN
#define EDGEQ_HIGHEST INT8_MAX
#define EDGEQ_SQUARES uint32_t /* at most 2^14 * 2^16 */

#include "any_width.h"
