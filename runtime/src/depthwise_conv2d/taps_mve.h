/* Where the taps of a window lie, for MVE: their addresses as numbers, which vectors of them move along. */
#include "edgeq/edgeq_depthwise_conv2d.h"
#include "edgeq/edgeq_mve.h"

/* 30, filled up for vectors of addresses. */
#define TAP_SLOTS 32

/* An address as a number, so that vectors of them can be added to; on a PC, which runs this under sanitizers, as wide
 * as there. */
#if UINTPTR_MAX == UINT32_MAX
typedef uint32_t address_t;
#else
typedef uintptr_t address_t;
#endif

/* Where channel 0 of every tap lies, for the window whose first tap is at row `top`, column `left`. */
static void find_taps(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int32_t top, int32_t left,
                      address_t *taps) {
  const uint32_t in_w = (uint32_t)layer->in_w, step = (uint32_t)layer->dilation_w;
  const address_t zeros = (address_t)layer->weights, next = (address_t)(layer->dilation_w * layer->in_c);
  int32_t y = top;
  for (int32_t ky = layer->kernel_h; ky > 0; ky--, y += layer->dilation_h) {
    /* A column before the input is a huge unsigned number; a row outside makes every column one behind it. */
    const int row_inside = y >= 0 && y < layer->in_h;
    uint32_t x = row_inside ? (uint32_t)left : in_w;
    address_t tap = (address_t)input + (address_t)((y * layer->in_w + left) * layer->in_c);
    for (int32_t kx = layer->kernel_w; kx > 0; kx--, tap += next) {
      *taps++ = x < in_w ? tap : zeros;
      x += row_inside ? step : 0U;
    }
  }
}

/* Moves all taps by `bytes`. */
static inline void move_taps(address_t *taps, int32_t count, uint32_t bytes) {
#if UINTPTR_MAX == UINT32_MAX
  for (; count > 0; count -= 4, taps += 4) {
    vstrwq_p_u32(taps, vaddq_n_u32(vldrwq_u32(taps), bytes), vctp32q((uint32_t)count));
  }
#else
  for (; count > 0; count--)
    *taps++ += bytes;
#endif
}
