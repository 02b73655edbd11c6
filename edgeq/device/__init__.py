"""Boards over a serial line: the firmware that serves a model, and the host that asks it (docs/device.md)."""

from edgeq.device.firmware import build_firmware, model_hash
from edgeq.device.local import LocalDevice, start_qemu, start_simulator
from edgeq.device.session import Device, Line, Timing, open_device, step_regions

__all__ = [
    "Device",
    "Line",
    "LocalDevice",
    "Timing",
    "build_firmware",
    "model_hash",
    "open_device",
    "start_qemu",
    "start_simulator",
    "step_regions",
]
