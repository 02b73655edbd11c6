#include "tiny.h"

#include <string.h>

#ifndef TINY_FRAME
#define TINY_FRAME 64
#endif

static const int8_t weights[16] = {3, -1, 4, 1, -5, 9, -2, 6, 5, -3, 5, 8, -9, 7, 9, -3};

edgeq_status tiny_init(tiny_t *model, void *arena, size_t arena_bytes) {
  if (model == NULL || arena == NULL) {
    return EDGEQ_NULL_POINTER;
  }
  if (arena_bytes < TINY_ARENA_BYTES) {
    return EDGEQ_ARENA_TOO_SMALL;
  }
  if (((uintptr_t)arena & (TINY_ARENA_ALIGN - 1u)) != 0u) {
    return EDGEQ_ARENA_MISALIGNED;
  }
  model->arena = arena;
  return EDGEQ_OK;
}

void *tiny_input(const tiny_t *model, uint32_t index) {
  return index == 0u ? model->arena : model->arena + 16;
}

const void *tiny_output(const tiny_t *model, uint32_t index) {
  return index == 0u ? model->arena + 20 : model->arena + 36;
}

/* out[16] = in * weight + bias, cut to 8 bits; branches by data so that counts depend on the input. */
__attribute__((noinline)) static void scale(const int8_t *in, const int8_t *bias, int8_t *out) {
  for (int i = 0; i < 16; i++) {
    int value = in[i] * weights[i] + bias[i & 3];
    if (value > 127) {
      value = 127;
    } else if (value < -128) {
      value = -128;
    }
    out[i] = (int8_t)value;
  }
}

/* A frame of known size, touched down to its lowest byte. */
__attribute__((noinline)) static int32_t total(const int8_t *in) {
  volatile uint8_t frame[TINY_FRAME];
  int32_t sum = 0;
  for (int i = 0; i < TINY_FRAME; i++) {
    frame[i] = (uint8_t)i;
  }
  for (int i = 0; i < 16; i++) {
    sum += in[i] * (int32_t)(frame[i] + 1);
  }
  return sum;
}

edgeq_status tiny_run(tiny_t *model) {
  uint8_t *arena = model->arena;
  int32_t sum;
  uint32_t quotient;
  EDGEQ_ON_STEP(0);
  scale((const int8_t *)arena, (const int8_t *)(arena + 16), (int8_t *)(arena + 20));
  EDGEQ_ON_STEP(1);
#ifdef TINY_OVERRUN
  arena[36] = ((volatile uint8_t *)arena)[TINY_ARENA_BYTES + TINY_OVERRUN];
#endif
#ifdef TINY_UNDERRUN
  ((volatile uint8_t *)arena)[-1] = 1;
#endif
#ifdef TINY_HANG
  for (;;) {
    (void)*(volatile uint8_t *)arena;
  }
#endif
#ifdef TINY_ILLEGAL
#if defined(__arm__)
  __asm__ volatile(".inst.n 0xde00");
#elif defined(__riscv)
  __asm__ volatile(".word 0");
#endif
#endif
#ifdef TINY_DSP
  __asm__ volatile("smlad r0, r1, r2, r3" ::: "r0");
#endif
#ifdef TINY_NOPS
  __asm__ volatile(".rept " TINY_NOPS "\n nop\n .endr");
#endif
#ifdef TINY_LOOP /* instructions to repeat TINY_TIMES times */
#if defined(__arm__)
  __asm__ volatile(".syntax unified\n  movs r3, #" TINY_TIMES "\n  .balign 4\n1:\n  " TINY_LOOP
                   "\n  subs r3, r3, #1\n  bne 1b" ::
                       : "r0", "r1", "r2", "r3", "cc", "memory");
#elif defined(__riscv)
  __asm__ volatile("  li t0, " TINY_TIMES "\n  .balign 16\n.option push\n.option norvc\n1:\n  " TINY_LOOP
                   "\n  addi t0, t0, -1\n  bnez t0, 1b\n.option pop" ::
                       : "t0", "t1", "t2", "memory");
#endif
#endif
  sum = total((const int8_t *)(arena + 20));
  memcpy(arena + 36, &sum, sizeof sum);
  EDGEQ_ON_STEP(2);
  quotient = (uint32_t)sum / (uint32_t)(weights[sum & 7] == 0 ? 1 : 7 + (sum & 3));
  memcpy(arena + 40, &quotient, sizeof quotient);
  EDGEQ_ON_STEP(TINY_STEP_COUNT);
  return EDGEQ_OK;
}
