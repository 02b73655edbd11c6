"""Decides which activations lie packed in memory, and tells the nodes around them.

Values that an operator without sums (max pooling, reshape) hands on are packed together or not at all. They are packed
where each of these operators has a kernel for it, and each layer that reads them has one made for that format; a graph
output stays plain, so that callers read elements. Sums are written in any format by every kernel.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeq.errors import InternalError
from edgeq.formats import Format
from edgeq.formats.packing import Fields
from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import TensorType
from edgeq.kernels.matching import stored_as
from edgeq.kernels.registry import kernels_for
from edgeq.kernels.select import fits
from edgeq.ops.accumulate import epilogue
from edgeq.ops.registry import operator

UNSIGNED, TWOS_COMPLEMENT, BIPOLAR = 0, 1, 2
"""Kinds of codes, as `input_kind` of the C descriptors has them."""
SUM_BITS = 32


def choose_storage(graph: Graph, features: frozenset[str]) -> None:
    """Sets `packed` on the values of a lowered graph, and the storage parameters of nodes that accumulate."""
    for family in _families(graph):
        _set_packed(family, True)
        if not all(_packable(graph, value, features) for value in family):
            _set_packed(family, False)
    for node in graph.nodes:
        if operator(node.op).accumulates and epilogue(node) != "requantize":
            node.params |= storage_params(node)


def _set_packed(family: list[Value], packed: bool) -> None:
    for value in family:
        value.type = replace(value.type, packed=packed)


def _families(graph: Graph) -> list[list[Value]]:
    """Values below eight bits, those together that are packed together."""
    root: dict[int, int] = {}
    values = {id(v): v for v in graph.values() if v.type.format and not v.is_constant}

    def find(key: int) -> int:
        while root.setdefault(key, key) != key:
            key = root[key]
        return key

    for node in graph.nodes:
        if operator(node.op).accumulates:
            continue
        together = [id(v) for v in _packed_together(node) if v is not None and id(v) in values]
        for key in together[1:]:
            root[find(key)] = find(together[0])
    families: dict[int, list[Value]] = {}
    for key, value in values.items():
        families.setdefault(find(key), []).append(value)
    return list(families.values())


def _packed_together(node: Node) -> list[Value | None]:
    """The values of an operator without sums that are packed together or not at all."""
    own = operator(node.op).packed_inputs
    return [node.inputs[index] for index in own] if own else [*node.inputs, *node.outputs]


def _packable(graph: Graph, value: Value, features: frozenset[str]) -> bool:
    if graph.is_output(value):
        return False
    producer = graph.producer(value)
    if producer is not None and not operator(producer.op).accumulates and not _hands_on(producer, features):
        return False
    return all(_reads_packed(node, value, features) for node in graph.consumers(value))


def _reads_packed(node: Node, value: Value, features: frozenset[str]) -> bool:
    if not operator(node.op).accumulates and not operator(node.op).packed_inputs:
        return _hands_on(node, features)
    read = [index for index, v in enumerate(node.inputs) if v is value]
    own = operator(node.op).packed_inputs or read
    alike = {(node.input(index).type.format, node.input(index).type.packed) for index in own}
    return set(read) <= set(own) and len(alike) == 1 and _has_kernel(node, features)


def _has_kernel(node: Node, features: frozenset[str]) -> bool:
    """Whether there is one for input 0 as it is stored."""
    row = operator(node.op)
    facts = row.facts(node)
    own = stored_as(node.input(0))
    return any(k.parts.activations == own and fits(k, node, facts, features) for k in kernels_for(row.kernels))


def _hands_on(node: Node, features: frozenset[str]) -> bool:
    """Whether an operator without sums takes its packed input to an equally packed output."""
    if (
        operator(node.op).packed_inputs
        or len({(v.type.format, v.type.packed) for v in (*node.inputs, *node.outputs) if v is not None}) > 1
    ):
        return False
    if operator(node.op).is_view:
        return _same_bytes(node.input(0).type, node.output.type)
    return _has_kernel(node, features)


def _same_bytes(before: TensorType, after: TensorType) -> bool:
    """Whether a packed tensor has the same bytes under another shape."""
    if before.shape[-1] == after.shape[-1]:
        return True
    row = before.number_format
    if row is None or not isinstance(row.packing, Fields):
        return False
    return all(kind.shape[-1] * row.packing.bits % 8 == 0 for kind in (before, after))


def storage_params(node: Node) -> dict[str, int]:
    """How a lowered node that ends in levels or sums finds its input and output in memory: fields of its descriptor."""
    bits, kind = _code(node.input(0).type)
    out = node.output.type
    step = node.attrs["level_step"]
    if epilogue(node) == "sums":
        return {"input_bits": bits, "input_kind": kind, "output_bits": SUM_BITS, "output_code": 0, "output_step": 0}
    low = int(node.attrs["level_low"])
    code = low & 0xFF
    row = out.number_format
    if out.packed and row is not None:
        code, step = int(row.to_codes(np.array([low]))[0]), 1
    return {
        "input_bits": bits,
        "input_kind": kind,
        "output_bits": _code(out)[0],
        "output_code": code,
        "output_step": step,
    }


def _code(kind: TensorType) -> tuple[int, int]:
    """(bits, kind) of the codes of a tensor as it is stored."""
    row = kind.number_format
    if row is None or not kind.packed:
        return 8, TWOS_COMPLEMENT
    return _width(row), BIPOLAR if not row.has_zero else TWOS_COMPLEMENT if row.low < 0 else UNSIGNED


def _width(row: Format) -> int:
    if not isinstance(row.packing, Fields):
        raise InternalError(f"format {row.name} is not one of fields")
    return row.packing.bits
