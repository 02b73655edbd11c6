/* Table lookup of any length, for RISC-V cores with vectors: one indexed load for 128 elements where a register has 128
 * bits. A table in registers (vrgather) would need 256 elements in eight of them, which not every core has. */
#include "edgeq/edgeq_lookup.h"
#include "edgeq/edgeq_rvv.h"

void edgeq_lookup_a8__rvv(const edgeq_lookup_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int8_t *const table = layer->table;
  size_t vl = 0;
  (void)scratch;
  for (int32_t rest = layer->count; rest > 0; rest -= (int32_t)vl, input += vl, output += vl) {
    vl = __riscv_vsetvl_e8m8((size_t)rest);
    const vuint8m8_t index = __riscv_vle8_v_u8m8((const uint8_t *)input, vl);
    __riscv_vse8_v_i8m8(output, __riscv_vluxei8_v_i8m8(table, index, vl), vl);
  }
}
