"""What an inspection finds, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Layer:
    """One operator of the model.

    Of a model that can be imported: edgeq's operators, channel-last as in the C. Otherwise as the file has them, with
    None where the file does not tell a size, and for the MACs.
    """

    name: str
    op: str
    output_shape: list[int | None] | None
    dtype: str
    parameters: int
    macs: int | None


@dataclass
class Tensor:
    """An input or output of the model."""

    name: str
    shape: list[int | None] | None
    dtype: str
    scale: float | None
    zero_point: int | None


@dataclass
class Inspection:
    """What `inspect_model` found.

    layers: as imported, without the changes of layout that vanish. converted_ops: how many of each operator the C runs.
    problems: everything that cannot be converted, by node name; empty when `convertible`. notes: what conversion needs.
    """

    file: str
    sha256: str = ""
    format: str | None = None
    quantized: bool | None = None
    convertible: bool = False
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    parameters: int = 0
    macs: int = 0
    converted_ops: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return asdict(self)
