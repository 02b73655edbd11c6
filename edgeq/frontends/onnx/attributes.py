"""Typed access to a node's attributes that remembers what was asked for, so that nothing is ignored in silence."""

from __future__ import annotations

from pathlib import Path

from onnx import AttributeProto, NodeProto

from edgeq.errors import UnsupportedError
from edgeq.frontends.onnx.tensors import tensor_array
from edgeq.ir.types import Array


class Attributes:
    """The attributes of one node. Every getter takes the default that the operator's definition gives."""

    def __init__(self, node: NodeProto, folder: Path | None) -> None:
        self._found = {a.name: a for a in node.attribute}
        self._read: set[str] = set()
        self._folder = folder

    def __contains__(self, name: str) -> bool:
        return name in self._found

    def _get(self, name: str, kind: int) -> AttributeProto | None:
        self._read.add(name)
        attribute = self._found.get(name)
        if attribute is not None and attribute.type != kind:
            raise UnsupportedError(f"attribute {name!r} has the wrong type")
        return attribute

    def integer(self, name: str, default: int) -> int:
        found = self._get(name, AttributeProto.INT)
        return default if found is None else int(found.i)

    def real(self, name: str, default: float) -> float:
        found = self._get(name, AttributeProto.FLOAT)
        return default if found is None else float(found.f)

    def string(self, name: str, default: str) -> str:
        found = self._get(name, AttributeProto.STRING)
        return default if found is None else found.s.decode("utf-8", "replace")

    def strings(self, name: str) -> tuple[str, ...]:
        """A list of texts; empty where there is none."""
        found = self._get(name, AttributeProto.STRINGS)
        return () if found is None else tuple(s.decode("utf-8", "replace") for s in found.strings)

    def ints(self, name: str, default: tuple[int, ...] | None = None) -> tuple[int, ...] | None:
        found = self._get(name, AttributeProto.INTS)
        return default if found is None else tuple(int(i) for i in found.ints)

    def floats(self, name: str) -> tuple[float, ...] | None:
        found = self._get(name, AttributeProto.FLOATS)
        return None if found is None else tuple(float(f) for f in found.floats)

    def tensor(self, name: str) -> Array | None:
        found = self._get(name, AttributeProto.TENSOR)
        return None if found is None else tensor_array(found.t, self._folder)

    def ignore(self, *names: str) -> None:
        """Marks attributes that carry nothing for inference."""
        self._read.update(names)

    def unread(self) -> list[str]:
        """Attributes that the file has and no getter asked for."""
        return sorted(set(self._found) - self._read)
