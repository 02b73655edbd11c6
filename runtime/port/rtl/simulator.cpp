// Runs one program on one core (module `soc`) and prints nothing but what the program prints.
//
//   simulator IMAGE FLASH_ORIGIN FLASH_BYTES RAM_ORIGIN RAM_BYTES ENTRY STEP_ADDRESS
//
// IMAGE: records of {uint32 address, uint32 bytes, data}, little-endian. Numbers are decimal or 0x.
// STEP_ADDRESS: where the program keeps the number of the running step, for the report of a fault.
//
// The map is that of QEMU's virt machine as far as a program of edgeq uses it: the reset vector at 0x1000,
// flash and RAM where the board has them. Memory has no wait states: a request in one cycle is answered in
// the next. Instead of semihosting there is a mailbox at the end of the address space, which edgeq/emulate/rtl.py
// writes into the program: one word takes the address of the argument block, one the operation, which is
// performed at once and leaves its result there; a third is the number of the current cycle.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "Vsoc.h"
#include "verilated.h"

namespace {

constexpr uint32_t kResetVector = 0x1000, kResetBytes = 0x100;
constexpr uint32_t kOperation = 0xFFFFFFFC, kBlock = 0xFFFFFFF8, kCycle = 0xFFFFFFF0;
constexpr uint32_t kOpen = 0x01, kClose = 0x02, kWrite0 = 0x04, kWrite = 0x05, kRead = 0x06, kExitExtended = 0x20;
constexpr int kExitFault = 22;                                          // EDGEQ_EXIT_FAULT
constexpr uint32_t kCauseIllegal = 2, kCauseLoad = 5, kCauseStore = 7;  // as mcause has them

uint64_t cycle = 0;

[[noreturn]] void finish(int code) {
  std::fflush(nullptr);
  std::_Exit(code);
}

[[noreturn]] void complain(const char *what) {
  std::fprintf(stderr, "simulator: %s\n", what);
  finish(1);
}

class Memory {
 public:
  Memory(uint32_t origin, uint32_t bytes) : origin_(origin), data_(bytes) {}

  bool holds(uint32_t address, uint32_t bytes = 1) const {
    return address >= origin_ && address - origin_ <= data_.size() && bytes <= data_.size() - (address - origin_);
  }
  uint8_t *at(uint32_t address) {
    return &data_[address - origin_];
  }

 private:
  uint32_t origin_;
  std::vector<uint8_t> data_;
};

class Machine {
 public:
  Machine(Memory flash, Memory ram, uint32_t entry, uint32_t step_address)
      : flash_(flash), ram_(ram), reset_(kResetVector, kResetBytes), step_address_(step_address) {
    // Cores differ in where they start; all slide over no-operations to a jump at the end.
    const uint32_t upper = (entry + 0x800u) & 0xFFFFF000u;
    for (uint32_t offset = 0; offset < kResetBytes; offset += 4) {
      put(*reset_.at(kResetVector + offset), 0x00000013u);
    }
    put(*reset_.at(kResetVector + kResetBytes - 8), upper | 0x2B7u);                    // lui t0, upper
    put(*reset_.at(kResetVector + kResetBytes - 4), (entry - upper) << 20 | 0x28067u);  // jr lower(t0)
  }

  void load(const char *path) {
    std::FILE *file = std::fopen(path, "rb");
    uint32_t header[2];
    if (file == nullptr) {
      complain("cannot open the image");
    }
    while (std::fread(header, 1, sizeof header, file) == sizeof header) {
      uint8_t *to = bytes(header[0], header[1]);
      if (to == nullptr || std::fread(to, 1, header[1], file) != header[1]) {
        complain("the image does not fit the memory");
      }
    }
    std::fclose(file);
  }

  // Fetches run ahead of the program, so that one outside of memory means nothing until it is executed:
  // zeros are an illegal instruction.
  uint32_t fetch(uint32_t address) {
    const uint8_t *from = bytes(address & ~3u, 4);
    return from == nullptr ? 0u : get(*from);
  }

  uint32_t read(uint32_t address, uint32_t pc) {
    const uint32_t word = address & ~3u;
    if (word == kCycle) {
      return static_cast<uint32_t>(cycle);
    }
    if (word == kOperation) {
      return result_;
    }
    const uint8_t *from = bytes(word, 4);
    if (from == nullptr) {
      fault(kCauseLoad, pc, address);
    }
    return get(*from);
  }

  void write(uint32_t address, uint32_t value, uint32_t lanes, uint32_t pc) {
    const uint32_t word = address & ~3u;
    if (word == kBlock) {
      block_ = value;
      return;
    }
    if (word == kOperation) {
      result_ = semihost(value);
      return;
    }
    if (!ram_.holds(word, 4)) {
      fault(kCauseStore, pc, address);
    }
    uint8_t *to = ram_.at(word);
    for (uint32_t lane = 0; lane < 4; lane++) {
      if ((lanes >> lane & 1u) != 0u) {
        to[lane] = static_cast<uint8_t>(value >> 8 * lane);
      }
    }
  }

  // The line that runtime/port/emulator/start.c prints where the core can trap.
  [[noreturn]] void fault(uint32_t cause, uint32_t pc, uint32_t address) {
    std::fprintf(stderr, "edgeq-fault cause=%08x pc=%08x address=%08x step=%08x\n", cause, pc, address,
                 get(*bytes(step_address_, 4)));
    finish(kExitFault);
  }

 private:
  static uint32_t get(const uint8_t &from) {
    uint32_t value;
    std::memcpy(&value, &from, sizeof value);
    return value;
  }
  static void put(uint8_t &to, uint32_t value) {
    std::memcpy(&to, &value, sizeof value);
  }

  uint8_t *bytes(uint32_t address, uint32_t count) {
    for (Memory *memory : {&flash_, &ram_, &reset_}) {
      if (memory->holds(address, count)) {
        return memory->at(address);
      }
    }
    return nullptr;
  }

  uint8_t *argument(uint32_t address, uint32_t count) {
    uint8_t *found = bytes(address, count);
    if (found == nullptr) {
      complain("a semihosting call names memory that is not there");
    }
    return found;
  }

  uint32_t word(uint32_t index) {
    return get(*argument(block_ + 4 * index, 4));
  }

  uint32_t semihost(uint32_t operation) {
    switch (operation) {
      case kOpen: {
        const char *name = reinterpret_cast<const char *>(argument(word(0), word(2) + 1));
        std::FILE *file = std::fopen(name, word(1) < 4 ? "rb" : "wb");
        if (file == nullptr) {
          return 0xFFFFFFFFu;
        }
        files_.push_back(file);
        return static_cast<uint32_t>(files_.size() - 1);
      }
      case kClose:
        std::fclose(handle());
        return 0;
      case kRead:
        return word(2) - static_cast<uint32_t>(std::fread(argument(word(1), word(2)), 1, word(2), handle()));
      case kWrite:
        return word(2) - static_cast<uint32_t>(std::fwrite(argument(word(1), word(2)), 1, word(2), handle()));
      case kWrite0:
        for (uint32_t at = block_; *argument(at, 1) != 0; at++) {
          std::fputc(*argument(at, 1), stderr);
        }
        return 0;
      case kExitExtended:
        finish(static_cast<int>(word(1)));
      default:
        complain("an unknown semihosting call");
    }
  }

  std::FILE *handle() {
    if (word(0) >= files_.size()) {
      complain("a semihosting call names a file that is not open");
    }
    return files_[word(0)];
  }

  Memory flash_, ram_, reset_;
  uint32_t step_address_;
  uint32_t block_ = 0, result_ = 0;
  std::vector<std::FILE *> files_;
};

uint32_t number(const char *text) {
  return static_cast<uint32_t>(std::strtoul(text, nullptr, 0));
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 8) {
    complain("seven arguments are needed");
  }
  Machine machine(Memory(number(argv[2]), number(argv[3])), Memory(number(argv[4]), number(argv[5])), number(argv[6]),
                  number(argv[7]));
  machine.load(argv[1]);
  VerilatedContext context;
  Vsoc core(&context);
  core.rst_n = 0;
  for (;; cycle++) {
    core.clk = 0;
    core.eval();
    // What the core asks for now is answered after the coming edge.
    const bool fetching = core.instr_req != 0, accessing = core.data_req != 0;
    const uint32_t instruction = fetching ? machine.fetch(core.instr_addr) : 0u;
    uint32_t data = 0;
    if (accessing && core.data_we != 0) {
      machine.write(core.data_addr, core.data_wdata, core.data_be, core.pc);
    } else if (accessing) {
      data = machine.read(core.data_addr, core.pc);
    }
    if (core.trap != 0 && core.rst_n != 0) {
      machine.fault(kCauseIllegal, core.pc, 0);
    }
    core.clk = 1;
    core.eval();
    core.instr_rvalid = fetching;
    core.instr_rdata = instruction;
    core.data_rvalid = accessing;
    core.data_rdata = data;
    core.rst_n = cycle >= 8;
  }
}
