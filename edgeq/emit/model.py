"""Integer graph -> the plain dict that the templates of model.h, model.c and weights.c print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgeq.contract import ABI_VERSION, ARENA_ALIGN, WEIGHTS_ALIGN
from edgeq.emit.literals import C_TYPES, integer, table_lines
from edgeq.formats import number_format
from edgeq.ir.graph import Node, Value
from edgeq.ir.types import Array, DType
from edgeq.kernels.layouts import LAYOUTS
from edgeq.kernels.select import Choice
from edgeq.ops.registry import operator
from edgeq.plan.memory import Plan


class Tables:
    """The constant tables of one model; equal contents share one symbol."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._by_content: dict[tuple[str, bytes], dict[str, Any]] = {}

    def add(self, array: Array, label: str) -> str:
        """The symbol of a table with these contents, 1-D, in the array's memory order."""
        flat = np.ascontiguousarray(array).reshape(-1)
        key = (flat.dtype.name, flat.tobytes())
        if key not in self._by_content:
            self._by_content[key] = {
                "symbol": f"{self.prefix}_{label}",
                "type": C_TYPES[flat.dtype.name],
                "count": max(flat.size, 1),
                "bytes": flat.nbytes,
                "lines": table_lines(flat) or ["  0,"],
            }
        return str(self._by_content[key]["symbol"])

    @property
    def rows(self) -> list[dict[str, Any]]:
        return list(self._by_content.values())

    @property
    def bytes(self) -> int:
        return sum(row["bytes"] for row in self.rows)


def model_context(
    plan: Plan, choices: Mapping[int, Choice], name: str, endpoints: Mapping[str, list[dict[str, Any]]]
) -> tuple[dict[str, Any], dict[int, int]]:
    """The templates' dict, and the bytes of constants by `id(node)` (a shared table counts where it first occurs)."""
    tables = Tables(name)
    sizes: dict[int, int] = {}
    steps = []
    descriptors: dict[str, str] = {}
    for index, node in enumerate(plan.steps):
        before = tables.bytes
        step = _step(index, node, plan, choices[id(node)], tables)
        sizes[id(node)] = tables.bytes - before
        # Bands of one layer have one descriptor (edgeq/passes/patches.py); a specialised step has its own in its file.
        contents = f"{step['descriptor_type']} {step['fields']} {step['function']}"
        step["shares_descriptor"] = contents in descriptors
        step["descriptor"] = descriptors.setdefault(contents, step["descriptor"])
        steps.append(step)
    context = {
        "name": name,
        "upper": name.upper(),
        "abi": ABI_VERSION,
        "arena_align": ARENA_ALIGN,
        "weights_align": WEIGHTS_ALIGN,
        "arena_bytes": max(plan.arena_bytes, 1),
        "state_bytes": plan.state_bytes,
        "parameters": "uint8_t *arena, uint8_t *state" if plan.state_bytes else "uint8_t *arena",
        "arguments": "arena, state" if plan.state_bytes else "arena",
        "state": [_first_contents(n, plan, choices[id(n)], tables) for n in plan.steps if _remembers(n, plan)],
        "steps": steps,
        "tables": tables.rows,
        "headers": sorted({choices[id(n)].kernel.header for n in plan.steps}),
        "inputs": [_endpoint(e) for e in endpoints["inputs"]],
        "outputs": [_endpoint(e) for e in endpoints["outputs"]],
    }
    return context, sizes


def _endpoint(endpoint: Mapping[str, Any]) -> dict[str, Any]:
    scale, offset = endpoint["scale"], endpoint["real_offset"]
    plain = isinstance(scale, float) and isinstance(offset, float)  # lists, one entry per channel, stay in the manifest
    return {
        **endpoint,
        "c_type": C_TYPES[endpoint["dtype"]],
        "layout_text": _layout(endpoint),
        "scale_text": repr(scale) if plain else "",
        "offset_text": repr(offset) if plain and offset else "",
    }


def _layout(endpoint: Mapping[str, Any]) -> str:
    """How the elements of an input or output lie in memory, for the header's comment."""
    shape = " x ".join(map(str, endpoint["shape"]))
    if not endpoint["packed"]:
        return f"{C_TYPES[endpoint['dtype']]}[{shape}]"
    row = number_format(endpoint["format"])
    width = endpoint["shape"][-1]
    codes = f"{(len(row.values) - 1).bit_length()}-bit codes" if row.has_zero else "bits (0: +1, 1: -1)"
    return f"{row.name}[{shape}], {width} {codes} in {row.row_bytes(width)} bytes per row, lowest bits first"


def _step(index: int, node: Node, plan: Plan, choice: Choice, tables: Tables) -> dict[str, Any]:
    kernel = choice.kernel
    params = {**node.params, **LAYOUTS[kernel.layout](node)}
    descriptor = f"step{index}"
    fields = [(key, _field(value, tables, f"{descriptor}_{key}")) for key, value in params.items()]
    inputs = [
        _operand(v, plan, tables, f"{descriptor}_operand{i}", as_bytes=kernel.any_width)
        for i, v in enumerate(node.inputs)
        if _is_read(node, i)
    ]
    regions = [(plan.offset(v), v.type.bytes) for v in node.outputs if not plan.in_state(v)]
    scratch = plan.scratch_offset(node)
    if scratch is not None and not plan.in_state(node):
        regions.append((scratch, choice.scratch_bytes))
    return {
        "index": index,
        "name": node.name.replace("*/", "* /").replace("\\", "/"),
        "op": node.op,
        "family": operator(node.op).kernels,
        "kernel": kernel.name,
        "source": kernel.source,
        "header": kernel.header,
        "function": f"{tables.prefix}_{descriptor}" if choice.specialised else "",
        "descriptor": descriptor,
        "descriptor_type": kernel.descriptor_type,
        "fields": fields,
        "inputs": inputs,
        "output": _place(node.output, plan, const=False, as_bytes=kernel.any_width),
        "scratch": "0" if scratch is None else f"{'state' if plan.in_state(node) else 'arena'} + {scratch}",
        "end": max((offset + size for offset, size in regions), default=0),
    }


def _field(value: Any, tables: Tables, label: str) -> str:
    """The C text of a descriptor's field: an integer, a table, or the null pointer for a table without elements."""
    if not isinstance(value, np.ndarray):
        return integer(int(value))
    return tables.add(value, label) if value.size else "0"


def _remembers(node: Node, plan: Plan) -> bool:
    """Whether the node's output, or its scratch, lasts from run to run."""
    return operator(node.op).keeps_state or plan.in_state(node)


def _first_contents(node: Node, plan: Plan, choice: Choice, tables: Tables) -> dict[str, Any]:
    """What `reset` writes where: a table, repeated until the bytes are full. Scratch ends in zeros."""
    if plan.in_state(node):
        offset, size, first = plan.scratch_offset(node), choice.scratch_bytes, operator(node.op).first_scratch(node)
        table = np.zeros(size if first.any() else 1, np.uint8)
        if first.any():
            table[: first.nbytes] = np.frombuffer(first.tobytes(), np.uint8)
    else:
        offset, size = plan.offset(node.output), node.output.type.bytes
        initial = node.input(1)
        table = np.frombuffer(initial.type.stored(initial.constant), np.uint8)
    return {
        "offset": offset,
        "bytes": size,
        "table": tables.add(table, f"step{plan.steps.index(node)}_first"),
        "period": table.size,
    }


def _is_read(node: Node, index: int) -> bool:
    """Weights and bias reach the kernel through its descriptor; the first contents of a state never do."""
    row = operator(node.op)
    own = (row.accumulates or row.folds_operands) and index > 0
    first = row.keeps_state and index == 1
    return node.inputs[index] is not None and not (own or first or index in row.unread)


def _place(value: Value, plan: Plan, *, const: bool, as_bytes: bool = False) -> str:
    """as_bytes: for kernels that copy elements of any width."""
    qualifier, block = "const " if const else "", "state" if plan.in_state(value) else "arena"
    kind = DType.INT8 if as_bytes else value.type.dtype
    return f"({qualifier}{C_TYPES[kind.value]} *)({block} + {plan.offset(value)})"


def _operand(value: Value | None, plan: Plan, tables: Tables, label: str, *, as_bytes: bool = False) -> str:
    assert value is not None
    if value.is_constant:
        cast = "(const int8_t *)" if as_bytes and value.type.dtype is not DType.INT8 else ""
        return cast + tables.add(value.constant, label)
    return _place(value, plan, const=True, as_bytes=as_bytes)
