"""Counts the instructions of the first call of <m>_run under Unicorn, split at the step hooks.

Python is called for every block of code, so the callback does one dictionary update and nothing else: of how often the
block came after the one before it. What was not seen before, or is not of the model, takes the slow path. The callback
is registered through ctypes directly: the wrapper of Unicorn's own package costs three times the callback.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from edgeq.toolchain import Program

_HOOK_BLOCK = 8
_NO_ADDRESS = -1
_ADDRESS = 0xFFFFFFFF
_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p)


def instructions_in(code: bytes, arch: str) -> int:
    """How many instructions a run of code holds, from the length bits of each encoding."""
    count = position = 0
    while position < len(code):
        half = code[position] | code[position + 1] << 8
        wide = half >> 11 in (0x1D, 0x1E, 0x1F) if arch == "arm" else half & 3 == 3
        position += 4 if wide else 2
        count += 1
    return count


class BlockCounter:
    """segments: instructions before the first hook, between hooks, after the last. flows: for each of them, how often
    which block came after which (cycle_estimate.py). code: the bytes of each block. finished: the call has returned,
    and emulation was stopped so that the hook can be removed."""

    def __init__(self, uc: Any, program: Program, return_address: Callable[[], int]) -> None:
        self._uc = uc
        self._arch = program.board.arch
        # The second word of edgeq_harness is the address of <m>_run (edgeq_harness.h).
        entry = uc.mem_read(program.symbols["edgeq_harness"].address + 4, 4)
        self._end = program.symbols["edgeq_measured_return"].address
        hook = program.symbols.get("edgeq_on_step")
        self._hook = hook.address if program.profiled and hook is not None else _NO_ADDRESS
        self._return_address = return_address
        self._lengths: dict[int, int] = {}
        self._executed: dict[int, int] = {}
        self._counting = False
        # The one address that matters while not counting: <m>_run's first, then each hook's return.
        self._resume = int.from_bytes(entry, "little") & ~1
        self.segments: list[int] = []
        self.flows: list[dict[int, int]] = []
        self.code: dict[int, bytes] = {}
        self.finished = False
        self.error: Exception | None = None

    def install(self) -> None:
        """Starts to watch."""
        executed = self._executed
        unusual = self._unusual
        previous = 0

        def on_block(_: int, address: int, size: int, __: int) -> None:
            nonlocal previous
            try:
                executed[previous | address] += 1
            except KeyError:
                unusual(previous, address, size)
            previous = address << 32

        library, engine = _native(self._uc)
        self._callback = _CALLBACK(on_block)  # kept alive: Unicorn holds a bare pointer
        self._handle = ctypes.c_size_t()
        everywhere = (ctypes.c_uint64(1), ctypes.c_uint64(0))
        status = library.uc_hook_add(engine, ctypes.byref(self._handle), _HOOK_BLOCK, self._callback, None, *everywhere)
        if status != 0:
            raise RuntimeError(f"uc_hook_add failed with {status}")

    def remove(self) -> None:
        """Stops watching: without a hook the program runs fifty times as fast."""
        library, engine = _native(self._uc)
        library.uc_hook_del(engine, self._handle)
        self._uc.ctl_flush_tb()
        self.finished = False

    def _unusual(self, previous: int, address: int, size: int) -> None:
        # An exception would vanish in ctypes, and the count would be wrong without a word.
        try:
            self._switch(previous, address, size)
        except Exception as error:
            self.error = error
            self._uc.emu_stop()

    def _switch(self, previous: int, address: int, size: int) -> None:
        if not self._counting:
            if address != self._resume:
                return
            self._counting = True
            previous = 0
        elif address == self._hook:
            self._close_segment()
            self._resume = self._return_address()
            return
        elif address == self._end:
            self._close_segment()
            self._resume = _NO_ADDRESS
            self.finished = True
            self._uc.emu_stop()
            return
        if address not in self._lengths:
            self.code[address] = bytes(self._uc.mem_read(address, size))
            self._lengths[address] = instructions_in(self.code[address], self._arch)
        self._executed[previous | address] = self._executed.get(previous | address, 0) + 1

    def _close_segment(self) -> None:
        self.segments.append(sum(times * self._lengths[key & _ADDRESS] for key, times in self._executed.items()))
        self.flows.append(dict(self._executed))
        self._executed.clear()
        self._counting = False


def _native(uc: Any) -> tuple[Any, Any]:
    """Unicorn's C library and its handle of this emulator."""
    from unicorn.unicorn_py3 import unicorn as binding

    return binding.uclib, uc._uch
