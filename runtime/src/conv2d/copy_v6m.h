/* edgeq_patch_copy (patches.h) for values + 128 in lanes of two pixels, in assembly for Cortex-M0 and M0+. */
#include "edgeq/edgeq_v6m.h"

#if EDGEQ_V6M

/* clang-format off */
#define COPY(from, to)       \
  "ldrb r5, [r1, #" from "]\n" \
  "eors r5, r6\n"            \
  "strh r5, [r0, #" to "]\n"   \
  "adds r4, r4, r5\n"
/* clang-format on */

EDGEQ_NAKED static edgeq_lane_t *copy(__attribute__((unused)) edgeq_lane_t *to,
                                      __attribute__((unused)) const int8_t *from, __attribute__((unused)) int32_t count,
                                      __attribute__((unused)) int32_t *total) {
  __asm__ volatile(
      ".syntax unified\n"
      "push {r4-r6, lr}\n"
      "ldr r4, [r3]\n"
      "movs r6, #128\n"
      "subs r2, #8\n"
      "blo 2f\n"
      "1:\n" COPY("0", "0") COPY("1", "4") COPY("2", "8") COPY("3", "12") COPY("4", "16") COPY("5", "20")
          COPY("6", "24") COPY("7", "28")
      "adds r1, #8\n"
      "adds r0, #32\n"
      "subs r2, #8\n"
      "bhs 1b\n"
      "2:\n"
      "adds r2, #8\n"
      "beq 4f\n"
      "3:\n" COPY("0", "0")
      "adds r1, #1\n"
      "adds r0, #4\n"
      "subs r2, #1\n"
      "bne 3b\n"
      "4:\n"
      "str r4, [r3]\n"
      "pop {r4-r6, pc}\n");
}

#define EDGEQ_PATCH_COPY copy

#endif
