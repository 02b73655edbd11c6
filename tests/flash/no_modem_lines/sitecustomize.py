"""On PYTHONPATH of tools that run against a pseudo-terminal: it has no modem lines and no parity, and
pyserial insists on what it was told."""

import contextlib
from typing import Any

with contextlib.suppress(ImportError):
    from serial import serialposix

    _reconfigure = serialposix.Serial._reconfigure_port

    def _none(self: Any) -> None:
        """There is no such line."""

    def _without_parity(self: Any, force_update: bool = False) -> None:
        self._parity = "N"
        _reconfigure(self, force_update)

    serialposix.Serial._reconfigure_port = _without_parity
    serialposix.Serial._update_rts_state = _none
    serialposix.Serial._update_dtr_state = _none
