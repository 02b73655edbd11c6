"""What an operator must be able to say and do.

One class per operator holds its attributes, shapes, real arithmetic, integer lowering and integer reference, so that
everything about an operator is read in one place. Instances carry no state.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from edgeq.ir.graph import Attr, Node
from edgeq.ir.types import Array
from edgeq.ops.row_window import RowWindow

Params = dict[str, Any]
"""Integer parameters of a lowered node: ints, and numpy integer arrays. Keys are the C descriptor's fields."""


class Operator(ABC):
    """A row of the operator registry. See docs/architecture.md, section 2."""

    name: ClassVar[str]
    summary: ClassVar[str]
    attributes: ClassVar[Mapping[str, Attr]] = {}
    """Every legal attribute with its default; `...` marks one that must be given."""

    kernel_op: ClassVar[str] = ""
    """The C kernel family that runs it, when that differs from `name` (all tables run as `lookup`)."""

    is_view: ClassVar[bool] = False
    """The output is the input's bytes under another shape: no kernel, no copy."""

    keeps_quantization: ClassVar[bool] = False
    """Integers pass through unchanged: output and input 0 must have the same quantization."""

    natural_output: ClassVar[tuple[float, int] | None] = None
    """(scale, zero point) that fits the output whatever the input; taken when edgeq quantizes."""

    wide_natural_output: ClassVar[tuple[float, int] | None] = None
    """`natural_output` of an output of 16 bits."""

    only_natural_output: ClassVar[bool] = False
    """The integer form gives `natural_output` and no other; a pass requantizes after it where need be."""

    gives_wide: ClassVar[bool] = False
    """Whether it has kernels whose output is int16 (zero point 0), whatever its inputs that may be int16 are."""

    equal_widths: ClassVar[bool] = False
    """Its kernels for int16 want all inputs in int16."""

    keeps_state: ClassVar[bool] = False
    """The output keeps its contents from call to call: it lies in the model's state, not in the arena. Input 1 is a
    constant from which `reset` fills it, and which the kernel does not get."""

    unread: ClassVar[tuple[int, ...]] = ()
    """Indices of more inputs that the kernel does not get."""

    folds_operands: ClassVar[bool] = False
    """All inputs but the first are constants that only lowering reads: they are quantized to 16 bits, and the kernel
    gets what `params` made of them."""

    lowers_to_integers: ClassVar[bool] = True
    """False for operators that exist only in real graphs (`batch_norm`) or at the border (`quantize`)."""

    packed_inputs: ClassVar[tuple[int, ...]] = ()
    """Inputs that kernels may take packed, all of them in one format, while all else is plain."""

    accumulates: ClassVar[bool] = False
    """Weights and bias are quantized for it: input 1 symmetric per output channel, input 2 int32."""

    weight_axis: ClassVar[int] = 0
    """Axis of input 1 that counts the output channels; for operators that accumulate."""

    @property
    def kernels(self) -> str:
        """The kernel family's name."""
        return self.kernel_op or self.name

    @abstractmethod
    def infer(self, node: Node) -> list[tuple[int, ...]]:
        """Shapes of the outputs from the inputs' shapes and the attributes.

        Raises ValueError with a sentence that says what does not fit.
        """

    @abstractmethod
    def compute(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        """Outputs in real arithmetic (float64). The batch of `inputs` may exceed the node's."""

    def lower(self, node: Node) -> Params:
        """Integer parameters from attributes, shapes and quantizations. Raises ModelDataError."""
        raise NotImplementedError(f"{self.name} has no integer form")

    def compute_integer(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        """Outputs in integer arithmetic from `node.params`: the truth that every kernel must repeat.

        Arrays have the values' own integer types; the batch may exceed the node's.
        """
        raise NotImplementedError(f"{self.name} has no integer form")

    def keeps_scratch(self, node: Node) -> bool:
        """Whether the kernel's scratch lasts from call to call: then it lies in the model's state."""
        return False

    def first_scratch(self, node: Node) -> Array:
        """What scratch that is kept starts with after a reset; zeros follow."""
        return np.zeros(0, np.uint8)

    def takes_wide(self, node: Node, index: int) -> bool:
        """Whether input `index` may be int16 (zero point 0), given the node's shapes."""
        return False

    def macs(self, node: Node) -> int:
        """Multiply-accumulates of one inference, taps in the padding counted."""
        return 0

    def row_window(self, node: Node) -> RowWindow | None:
        """Which rows of its inputs a row of the output reads, for images; None for operators that see more at once."""
        return None

    def with_row_pads(self, node: Node, top: int, bottom: int) -> dict[str, Attr]:
        """The attributes of the same layer over a stripe of its input with so much padding above and below."""
        return dict(node.attrs)

    def facts(self, node: Node) -> dict[str, int]:
        """The integers that kernel rows may use in `when`, `scratch` and `cost`."""
        facts = {"macs": self.macs(node), "outputs": node.output.type.elements}
        facts.update({k: int(v) for k, v in node.params.items() if isinstance(v, int)})
        return facts
