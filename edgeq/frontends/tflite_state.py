"""Resource variables of .tflite files that are delay lines.

Streaming networks keep their past in variables: READ_VARIABLE gives the older frames, CONCATENATION puts the new ones
behind them, the network reads the result, and the newest frames of it go back by STRIDED_SLICE and ASSIGN_VARIABLE.
CALL_ONCE runs a graph that gives every variable its first value. All of that is one operator here, `delay_line`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from edgeq.errors import ModelFileError
from edgeq.frontends.tflite_call import Call, Row
from edgeq.frontends.tflite_file import HINT, FileGraph, FileModel, FileOperator, FileTensor
from edgeq.frontends.tflite_quantization import quantization_of, stored_array
from edgeq.ir.types import Array

TIME = 1
"""The axis along which frames follow each other."""


@dataclass(frozen=True)
class Line:
    """One variable. join: the number of the CONCATENATION that becomes the delay line."""

    join: int
    first: FileTensor


@dataclass(frozen=True)
class Lines:
    """The delay lines by `join`, and the numbers of all operators that vanish in them."""

    by_join: Mapping[int, Line]
    vanished: frozenset[int]


def find_lines(model: FileModel) -> Lines:
    """The variables that are delay lines; operators of other variables stay, and are refused one by one."""
    graph = model.main
    first = dict(_first_values(model))
    names = _names(graph)
    found: dict[int, Line] = {}
    vanished: set[int] = set()
    for key in dict.fromkeys(names.values()):
        part = _line(graph, {t for t, name in names.items() if name == key}, first.get(key))
        if part is not None:
            found[part[0].join] = part[0]
            vanished |= part[1]
    if len(found) == len(set(names.values())) and len(model.graphs) == 1 + len(set(_once(graph).values())):
        vanished |= set(_once(graph))
    return Lines(found, frozenset(vanished))


def _once(graph: FileGraph) -> dict[int, int]:
    """The graphs that are called once, by the number of the call."""
    return {o.index: o.options.integer("InitSubgraphIndex") for o in graph.operators if o.name == "CALL_ONCE"}


def _names(graph: FileGraph) -> dict[int, tuple[str, str]]:
    """Which variable a handle is of."""
    handles = [o for o in graph.operators if o.name == "VAR_HANDLE" and len(o.outputs) == 1]
    return {o.outputs[0]: (o.options.text("Container"), o.options.text("SharedName")) for o in handles}


def _first_values(model: FileModel) -> Iterator[tuple[tuple[str, str], FileTensor]]:
    for number in _once(model.main).values():
        if not 0 < number < len(model.graphs):
            raise ModelFileError(f"calls graph {number} of {len(model.graphs)}", hint=HINT)
        graph = model.graphs[number]
        names = _names(graph)
        for operator in graph.operators:
            if operator.name == "ASSIGN_VARIABLE" and len(operator.inputs) == 2 and operator.inputs[0] in names:
                tensor = graph.tensors[operator.inputs[1]]
                if tensor.data is not None:
                    yield names[operator.inputs[0]], tensor


def _line(graph: FileGraph, handles: set[int], first: FileTensor | None) -> tuple[Line, set[int]] | None:
    """The line of the variable with these handles, and what vanishes in it; None for anything else."""
    users = [o for o in graph.operators if handles & set(o.inputs)]
    if first is None or [o.name for o in users] != ["READ_VARIABLE", "ASSIGN_VARIABLE"]:
        return None
    read, assign = users
    if len(read.outputs) != 1 or len(assign.inputs) != 2:
        return None
    join = _only_reader(graph, read.outputs[0])
    part = next((o for o in graph.operators if assign.inputs[1] in o.outputs), None)
    if join is None or part is None or _only_reader(graph, part.outputs[0]) is not assign:
        return None
    if not _appends(join, read.outputs[0]) or not _keeps_newest(graph, part, join, graph.tensors[read.outputs[0]]):
        return None
    if first.shape != graph.tensors[read.outputs[0]].shape or first.type != graph.tensors[read.outputs[0]].type:
        return None
    makers = {o.index for o in graph.operators if handles & set(o.outputs)}
    return Line(join.index, first), {read.index, assign.index, part.index, *makers}


def _only_reader(graph: FileGraph, tensor: int) -> FileOperator | None:
    readers = [o for o in graph.operators if tensor in o.inputs]
    return readers[0] if len(readers) == 1 and tensor not in graph.outputs else None


def _appends(join: FileOperator, past: int) -> bool:
    """Whether the operator puts new frames behind those of `past`."""
    plain = join.name == "CONCATENATION" and not join.options.integer("FusedActivationFunction")
    return plain and len(join.inputs) == 2 and join.inputs[0] == past and join.options.integer("Axis") == TIME


def _keeps_newest(graph: FileGraph, part: FileOperator, join: FileOperator, past: FileTensor) -> bool:
    """Whether `part` takes as many frames as `past` has from the end of what `join` gives."""
    if part.name != "STRIDED_SLICE" or len(part.inputs) != 4 or part.inputs[0] != join.outputs[0]:
        return False
    whole, taken = graph.tensors[join.outputs[0]].shape, graph.tensors[part.outputs[0]].shape
    if taken != past.shape or any(part.options.integer(mask) for mask in ("EllipsisMask", "NewAxisMask")):
        return False
    if part.options.integer("ShrinkAxisMask") or len(whole) != len(taken) or len(taken) < 3:
        return False
    tensors = [graph.tensors[i] for i in (part.inputs[1], part.inputs[3])]
    if any(t.data is None or t.shape != (len(whole),) for t in tensors):
        return False
    begins, strides = (stored_array(t) for t in tensors)
    masked = part.options.integer("BeginMask") >> TIME & 1
    begin = 0 if masked else int(begins[TIME]) % whole[TIME]
    others = [whole[a] == taken[a] for a in range(len(whole)) if a != TIME]
    return bool((strides == 1).all()) and all(others) and begin == whole[TIME] - taken[TIME]


def convert_line(call: Call, line: Line) -> None:
    """The CONCATENATION of new frames with older ones as a `delay_line`."""
    x, result, quantization = call.value(1), call.output_tensor(), call.output_quantization()
    if result.type != line.first.type or quantization != x.type.quantization:
        call.refuse("joins frames of different types or scales", "export the model with one scale per variable")
    if quantization_of(line.first) not in (None, quantization):
        call.refuse("starts from values of another scale", "export the model with one scale per variable")
    frames = result.shape[TIME]
    if frames != line.first.shape[TIME] + x.shape[TIME]:
        raise ModelFileError(f"joins {frames} frames from {line.first.shape[TIME]} and {x.shape[TIME]}", hint=HINT)
    first = call.importer.builder.constant(f"{call.name}.first", _contents(line.first, frames), quantization)
    call.add("delay_line", [x, first], {"frames": frames})


def _contents(tensor: FileTensor, frames: int) -> Array:
    """The line before the first call: one frame where all are alike; what leaves it unread is zero."""
    array = stored_array(tensor)
    if (array == array[:, :1]).all():
        return np.ascontiguousarray(array[:, :1])
    unread = np.zeros((1, frames - array.shape[TIME], *array.shape[2:]), array.dtype)
    return np.concatenate([unread, array], axis=TIME)


def _refuse(call: Call) -> None:
    call.refuse(
        "is a variable that edgeq does not understand",
        "a variable may hold the older frames of a stream: it is read, joined with new frames along axis 1, and takes "
        "the newest of all",
    )


VARIABLES: dict[str, Row] = {
    "CALL_ONCE": Row(_refuse, 1, (0, 0), 0, mixed=True),
    "VAR_HANDLE": Row(_refuse, 1, (0, 0), mixed=True),
    "READ_VARIABLE": Row(_refuse, 1, (1, 1), mixed=True),
    "ASSIGN_VARIABLE": Row(_refuse, 1, (2, 2), 0, mixed=True),
}
