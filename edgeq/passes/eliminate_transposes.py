"""Makes the transpositions between channels-first files and channel-last kernels vanish.

Inverse ones cancel; regions that do not care are turned (`flip_regions`); reshapes let them pass where they keep groups
of axes together; dense layers take the order into their weights; the border of the graph takes it into its description.
"""

from __future__ import annotations

import numpy as np

from edgeq.ir.graph import Graph, Node
from edgeq.passes.axes import is_agnostic
from edgeq.passes.border_layout import absorb_border_layout
from edgeq.passes.compose_transposes import compose_transposes
from edgeq.passes.flip_regions import flip_regions
from edgeq.passes.merge_duplicates import merge_duplicates
from edgeq.passes.merge_reshapes import explicit_keepdims, merge_reshapes
from edgeq.passes.remove_identity import remove_identity
from edgeq.passes.reshape_groups import pass_reshape
from edgeq.passes.rewrite import Uses, insert_before, inverse, new_constant, new_node

MAX_ROUNDS = 50


def eliminate_transposes(graph: Graph) -> bool:
    """Runs all of the above until nothing changes. Returns whether anything did."""
    rounds = 0
    while rounds < MAX_ROUNDS and _round(graph):
        rounds += 1
    return rounds > 0


def _round(graph: Graph) -> bool:
    changed = compose_transposes(graph)
    changed |= merge_duplicates(graph)
    changed |= absorb_border_layout(graph)
    changed |= merge_reshapes(graph)
    changed |= remove_identity(graph)
    changed |= _keep_dims(graph)
    changed |= flip_regions(graph)
    changed |= _pass_reshapes(graph)
    changed |= _into_dense(graph)
    changed |= absorb_border_layout(graph)
    return changed


def _keep_dims(graph: Graph) -> bool:
    """Reductions of transposed data keep their axes, so that the transposition can pass them."""
    uses = Uses(graph)
    changed = False
    for node in list(graph.nodes):
        if node.op in ("mean", "argmax") and not node.attrs["keepdims"]:
            producer = uses.producer(node.input(0))
            if producer is not None and producer.op == "transpose":
                explicit_keepdims(graph, node)
                changed = True
    return changed


def _pass_reshapes(graph: Graph) -> bool:
    """reshape(transpose(x)) -> transpose(reshape(x)) where the reshape splits and joins whole groups of axes."""
    changed = False
    for node in list(graph.nodes):
        uses = Uses(graph)
        turn = uses.private_producer(node.input(0), "transpose") if node.op == "reshape" else None
        if turn is None or not _may_go_on(uses, node):
            continue
        found = pass_reshape(turn.input(0).shape, turn.attrs["perm"], node.output.shape)
        if found is None:
            continue
        shape, perm = found
        inner = new_node(graph, "reshape", f"{node.name}.early", [turn.input(0)], {"shape": shape})
        insert_before(graph, node, inner)
        node.op, node.inputs, node.attrs = "transpose", [inner.output], {"perm": perm}
        graph.remove_dead()
        changed = True
    return changed


def _may_go_on(uses: Uses, reshape: Node) -> bool:
    """Behind the reshape a transposition meets something that it can cancel with or pass."""
    readers = uses.consumers(reshape.output)
    return uses.is_output(reshape.output) or any(
        n.op in ("transpose", "reshape", "mean", "argmax") or is_agnostic(n) for n in readers
    )


def _into_dense(graph: Graph) -> bool:
    """dense(reshape(transpose(x))) -> dense(reshape(x)) with the columns of the weights reordered."""
    changed = False
    for node in list(graph.nodes):
        if node.op == "dense" and node.input(1).is_constant:
            changed |= _reorder_columns(graph, node)
    return changed


def _reorder_columns(graph: Graph, node: Node) -> bool:
    uses = Uses(graph)
    flat = uses.producer(node.input(0))
    if flat is None or flat.op != "reshape" or len(flat.output.shape) != 2:
        return False
    turn = uses.producer(flat.input(0))
    if turn is None or turn.op != "transpose" or turn.attrs["perm"][0] != 0:
        return False
    turned = turn.output.shape
    if turned[0] != flat.output.shape[0]:
        return False
    weights = node.input(1)
    quantization = weights.type.quantization
    if quantization is not None and quantization.axis not in (None, 0):
        return False
    outputs = weights.shape[0]
    data = weights.constant.reshape(outputs, *turned[1:])
    data = np.transpose(data, inverse(turn.attrs["perm"])).reshape(outputs, -1)
    again = new_node(graph, "reshape", f"{flat.name}.in_place", [turn.input(0)], {"shape": flat.output.shape})
    insert_before(graph, node, again)
    node.inputs[0] = again.output
    node.inputs[1] = new_constant(graph, f"{node.name}.weights", data, quantization)
    graph.remove_dead()
    if not any(n is flat for n in graph.nodes):
        again.name = flat.name
    return True
