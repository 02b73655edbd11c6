"""edgeq as a backend of onnx.backend.test: imports a model, simplifies it, and runs the real-number reference.

`python -m edgeq.onnx_backend` prints which share of onnx's node tests pass, for the operators that edgeq supports.
Node tests feed weights, shapes and axes as inputs. edgeq needs these at conversion, so a model that is refused with all
inputs computed is tried again with all inputs but one constant.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import ModelProto, numpy_helper
from onnx.backend.base import Backend, BackendRep
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests
from onnx.backend.test.runner import BackendIsNotSupposedToImplementIt

from edgeq.errors import EdgeqError
from edgeq.frontends.onnx import load_onnx
from edgeq.frontends.onnx.rows import converter
from edgeq.ir.graph import Graph, Value
from edgeq.ir.types import Array
from edgeq.ops.execute import run_real
from edgeq.passes.simplify import simplify

Refused = BackendIsNotSupposedToImplementIt


def with_constants(model: ModelProto, inputs: Sequence[Any], computed: int | None) -> ModelProto:
    """The model with every input but number `computed` an initializer; None: as it is."""
    bound = ModelProto()
    bound.CopyFrom(model)
    if computed is None:
        return bound
    known = {t.name for t in model.graph.initializer}
    free = [i for i in model.graph.input if i.name not in known]
    for index, (info, array) in enumerate(zip(free, inputs, strict=False)):
        if index != computed:
            bound.graph.initializer.append(numpy_helper.from_array(np.asarray(array), info.name))
    return bound


def to_internal(graph: Graph, value: Value, array: Array) -> Array:
    """What a caller's array stands for, in the layout of the graph's input."""
    facts = graph.meta["inputs"][value.name]
    turned = np.transpose(array, facts["perm"]) if facts["perm"] else array
    inside: Array = np.reshape(turned, value.shape)
    quantization = value.type.quantization
    if quantization is None:
        return inside
    shift = 128 if facts["source_dtype"] == "uint8" else 0
    return quantization.dequantize(inside.astype(np.int64) - shift)


def to_source(graph: Graph, value: Value, array: Array) -> Array:
    """A result of the graph in the file's own type and layout."""
    facts = graph.meta["outputs"][value.name]
    dtype = np.dtype(facts["source_dtype"])
    quantization = value.type.quantization
    if quantization is not None and dtype.kind in "iu":
        array = quantization.quantize(array, value.type.dtype).astype(np.int64) + (128 if dtype == np.uint8 else 0)
    perm = facts["perm"]
    if perm is None:
        return np.asarray(array.reshape(facts["source_shape"]).astype(dtype))
    inside = array.reshape([facts["source_shape"][p] for p in perm])
    return np.asarray(np.transpose(inside, np.argsort(perm)).astype(dtype))


class EdgeqRep(BackendRep):
    """A model that is imported when it is run, as only then its weights are known."""

    def __init__(self, model: ModelProto) -> None:
        self.model = model

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Outputs in the order of the model. Raises Refused with edgeq's own reason."""
        arrays = list(inputs)
        if not all(isinstance(a, np.ndarray | np.generic) for a in arrays):
            raise Refused("inputs that are not tensors")
        reason = ""
        for computed in (None, *range(len(arrays))):
            bound = with_constants(self.model, arrays, computed)
            try:
                graph = load_onnx("model", bound.SerializeToString(), {})
                simplify(graph)
            except EdgeqError as error:
                reason = reason or str(error)
                continue
            return self._run(graph, bound, arrays)
        raise Refused(reason)

    def _run(self, graph: Graph, bound: ModelProto, arrays: Sequence[Array]) -> tuple[Any, ...]:
        names = [i.name for i in self.model.graph.input]
        given = dict(zip(names, arrays, strict=False))
        feeds = {v.name: to_internal(graph, v, np.asarray(given[v.name])) for v in graph.inputs}
        results = run_real(graph, feeds)
        return tuple(to_source(graph, v, results[v.name]) for v in graph.outputs)


class EdgeqBackend(Backend):
    """The class that onnx.backend.test.BackendTest takes."""

    @classmethod
    def is_compatible(cls, model: ModelProto, device: str = "CPU", **kwargs: Any) -> bool:
        """Every operator has a row in the frontend."""
        return supports(model)

    @classmethod
    def prepare(cls, model: ModelProto, device: str = "CPU", **kwargs: Any) -> EdgeqRep:
        """Nothing is computed before the inputs are known. Raises Refused for unknown operators."""
        if not supports(model):
            raise Refused("an operator that edgeq does not support")
        return EdgeqRep(model)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device == "CPU"


def supports(model: ModelProto) -> bool:
    """Every operator has a row."""
    nodes = model.graph.node
    return bool(nodes) and all(converter("" if n.domain == "ai.onnx" else n.domain, n.op_type) for n in nodes)


@dataclass
class Score:
    """Results of the node tests of one operator."""

    passed: int = 0
    typed: int = 0
    """Refused, and about element types that edgeq does not take at all (float8, int16, strings, ...)."""
    refused: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)


def node_tests() -> Iterator[TestCase]:
    """onnx's node tests whose operators edgeq supports."""
    for case in load_model_tests(kind="node"):
        if case.model is not None and case.data_sets is not None and supports(case.model):
            yield case


def score(cases: Iterable[TestCase]) -> dict[str, Score]:
    """Runs the cases; results by operator."""
    scores: dict[str, Score] = {}
    for case in cases:
        assert case.model is not None
        entry = scores.setdefault(case.model.graph.node[0].op_type, Score())
        try:
            difference = _difference(case)
        except Refused as error:
            if _of_known_types(case):
                entry.refused[case.name] = str(error)
            else:
                entry.typed += 1
            continue
        if difference is None:
            entry.passed += 1
        else:
            entry.wrong[case.name] = difference
    return scores


TYPES = frozenset(("float32", "float64", "float16", "int8", "uint8"))
INDICES = frozenset(("int32", "int64"))
"""What results may be besides: positions and shapes."""


def _of_known_types(case: TestCase) -> bool:
    """Everything that may be computed at run time is of a type that edgeq's inputs can have."""
    assert case.data_sets is not None
    inputs, outputs = case.data_sets[0]
    kinds = [a.dtype.name if isinstance(a, np.ndarray | np.generic) else "" for a in (*inputs[:1], *outputs)]
    return all(kind in TYPES or (kind in INDICES and place > 0) for place, kind in enumerate(kinds))


def _difference(case: TestCase) -> str | None:
    """What is wrong with the backend's answer; None when it is right."""
    assert case.model is not None and case.data_sets is not None
    backend = EdgeqBackend.prepare(case.model)
    for inputs, wanted in case.data_sets:
        results = backend.run(list(inputs))
        if len(results) != len(wanted):
            return f"{len(results)} outputs instead of {len(wanted)}"
        for result, reference in zip(results, wanted, strict=True):
            if result.shape != reference.shape or result.dtype != reference.dtype:
                return f"{result.dtype}{list(result.shape)} instead of {reference.dtype}{list(reference.shape)}"
            if not np.allclose(result, reference, rtol=case.rtol, atol=max(case.atol, 1e-6), equal_nan=True):
                return f"differs by up to {np.abs(result.astype(float) - reference.astype(float)).max():.3g}"
    return None


def main(arguments: Sequence[str]) -> int:
    """Prints the table; with -v also why tests were refused. Exit code 1 when an answer is wrong."""
    scores = score(node_tests())
    print(f"{'operator':28} {'passed':>6} {'refused':>7} {'wrong':>5} {'other types':>11}")
    for op, entry in sorted(scores.items()):
        print(f"{op:28} {entry.passed:6} {len(entry.refused):7} {len(entry.wrong):5} {entry.typed:11}")
        for name, reason in [*entry.wrong.items(), *(entry.refused.items() if "-v" in arguments else ())]:
            print(f"    {name}: {' '.join(reason.split())}")
    passed = sum(s.passed for s in scores.values())
    refused, wrong = (sum(len(getattr(s, key)) for s in scores.values()) for key in ("refused", "wrong"))
    typed = sum(s.typed for s in scores.values())
    total = passed + refused + wrong
    print(f"{'all':28} {passed:6} {refused:7} {wrong:5} {typed:11}")
    share, whole = 100 * passed / total, 100 * passed / (total + typed)
    print(f"{passed} of {total} node tests of {len(scores)} operators pass on types that edgeq takes: {share:.1f} %")
    print(f"{passed} of {total + typed} of all types: {whole:.1f} %")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
