"""What a method of post-training quantization must be able to say and do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import IntEnum
from typing import ClassVar

from edgeq.quant.work import Work


class Stage(IntEnum):
    """When a method runs; within a stage by `order`."""

    REWRITE = 0
    """The float network becomes another one with the same results, which rounds better."""
    ROUND = 1
    """Weights get integers other than the nearest, and scales."""
    CORRECT = 2
    """What rounding has done is made up for."""


def counted(number: int, noun: str) -> str:
    """`1 layer`, `3 layers`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


class Method(ABC):
    """A row of the registry of methods; one file each."""

    name: ClassVar[str]
    summary: ClassVar[str]
    stage: ClassVar[Stage]
    order: ClassVar[int] = 0
    source: ClassVar[str]
    """Where it comes from."""
    below_eight_bits: ClassVar[bool] = False
    """Whether networks of eight bits throughout are left as they are: nothing to be gained that takes so long."""
    learns: ClassVar[bool] = False
    """Whether it needs PyTorch: pip install 'edgeq[train]'."""

    def applies(self, work: Work) -> bool:
        """Whether there is anything to do; where no method has, nothing is measured either."""
        return not self.below_eight_bits or any(not layer.is_default for layer in work.plan.layers.values())

    @abstractmethod
    def apply(self, work: Work) -> str:
        """Changes `work` in place; says in a few words what it did. A REWRITE calls `work.restart` when it changed the
        graph. Raises EdgeqError."""
