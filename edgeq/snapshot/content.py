"""What a snapshot holds."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Tolerance:
    """How much dearer a network may become, in percent, before a check fails. Bits have no tolerance."""

    instructions: float = 1.0
    sizes: float = 1.0


@dataclass
class Layer:
    """One step. instructions: None where the runner does not count. output: the start of its bytes' SHA-256."""

    name: str
    op: str
    kernel: str
    instructions: int | None
    output: str


@dataclass
class Snapshot:
    """One measurement of one network.

    model: SHA-256 of the model file. compiler: name and version. outputs: SHA-256 of each sample's outputs.
    vectors: the inputs, each all inputs of one sample as the C takes them; None when they are random ones from `seed`.
    Instructions, stack and layers are those of the first sample.
    """

    edgeq: str
    name: str
    model: str
    board: str
    optimize: str
    compiler: str
    outputs: list[str]
    instructions: int | None
    sizes: dict[str, int | None]
    layers: list[Layer]
    seed: int = 0
    vectors: list[bytes] | None = None
    tolerance: Tolerance = field(default_factory=Tolerance)
