"""All simplifying passes, repeated until none of them finds anything; the graph is checked after each."""

from __future__ import annotations

from collections.abc import Callable

from edgeq.ir.graph import Graph
from edgeq.ir.verify import verify_structure
from edgeq.passes.absorb_quantization import absorb_quantization
from edgeq.passes.eliminate_transposes import eliminate_transposes
from edgeq.passes.fold_affine import fold_affine
from edgeq.passes.fold_batch_norm import expand_batch_norm, fold_batch_norm
from edgeq.passes.fold_constants import fold_constants
from edgeq.passes.fuse_activations import fuse_activations
from edgeq.passes.fuse_attention import fuse_attention
from edgeq.passes.fuse_pad import fuse_pad
from edgeq.passes.gather_normalization import gather_normalization
from edgeq.passes.merge_duplicates import merge_duplicates
from edgeq.passes.merge_reshapes import merge_reshapes
from edgeq.passes.recompose_activations import recompose_activations
from edgeq.passes.recompose_attention import recompose_attention
from edgeq.passes.recompose_normalization import recompose_normalization
from edgeq.passes.recompose_rotary import recompose_rotary
from edgeq.passes.remove_identity import remove_identity
from edgeq.passes.sink_reshapes import sink_reshapes
from edgeq.passes.tidy_origin import tidy_origin
from edgeq.passes.unit_rows import unit_rows
from edgeq.passes.use_depthwise import use_depthwise

Pass = Callable[[Graph], bool]

ROUND: tuple[Pass, ...] = (
    fold_constants,
    remove_identity,
    merge_duplicates,
    recompose_rotary,
    eliminate_transposes,
    merge_reshapes,
    sink_reshapes,
    recompose_activations,
    recompose_normalization,
    gather_normalization,
    unit_rows,
    use_depthwise,
    fold_batch_norm,
    fold_affine,
    fuse_pad,
    fuse_activations,
    fuse_attention,
    absorb_quantization,
)
"""The order within one round: layout first, as it brings together what the others fold; rotary positions before it,
while their axes are those of heads."""

ROUNDS_ANEW: tuple[Pass, ...] = (fold_batch_norm, fold_affine, fuse_activations)
"""They merge real constants. Between the quantizations of QONNX every rounding counts: there they are left out."""

MAX_ROUNDS = 50
"""Real networks settle in three; a graph is right after every pass, so that stopping early is safe."""


def simplify(graph: Graph, attention: str = "fused") -> None:
    """In place. Computes the same reals (quantized graphs: the same integers) with fewer nodes.

    attention: see `prepare`.
    """
    exact = is_fake_quantized(graph)
    while True:
        _settle(graph, tuple(p for p in ROUND if not (exact and p in ROUNDS_ANEW)))
        if exact:
            break
        # Once all else is settled: what stands around the products decides what can be read by strides.
        last = (expand_batch_norm,) if attention == "split" else (expand_batch_norm, recompose_attention)
        found = next((step for step in last if step(graph)), None)
        if found is None:
            break
        verify_structure(graph, found.__name__)
    tidy_origin(graph)
    verify_structure(graph, "tidy_origin")


def is_fake_quantized(graph: Graph) -> bool:
    """Whether the network quantizes by QONNX's operators: `exact_quant` turns it into integers."""
    return graph.meta.get("format") == "qonnx" or any(n.op in ("quant", "trunc") for n in graph.nodes)


def _settle(graph: Graph, passes: tuple[Pass, ...]) -> None:
    for _ in range(MAX_ROUNDS):
        changed = graph.remove_dead() > 0
        for step in passes:
            if step(graph):
                changed = True
                verify_structure(graph, step.__name__)
        if not changed:
            return
