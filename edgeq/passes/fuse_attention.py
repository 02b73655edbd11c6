"""What stands around the products of attention: a transposed second factor, scaled factors, a scaled softmax."""

from __future__ import annotations

from edgeq.ir.graph import Graph, Node, Value
from edgeq.passes.rewrite import Uses, insert_before, is_plain, is_real, new_node, remove, value_and_number

MOVERS = ("reshape", "transpose")


def fuse_attention(graph: Graph) -> bool:
    """matmul(a, transpose(b)) -> one node; softmax(c x) and softmax(matmul(c a, c b)) -> softmax with `beta`.

    Real graphs. Returns whether any was found.
    """
    changed = False
    for node in list(graph.nodes):
        if node.op == "matmul":
            changed |= _take_transpose(graph, node)
        elif node.op == "softmax" and is_real(*node.inputs):
            changed |= _take_factor(graph, node)
    return changed


def _take_transpose(graph: Graph, node: Node) -> bool:
    """The exchange of the last two axes of the second factor, alone or as part of a larger transposition."""
    turn = Uses(graph).private_producer(node.input(1), "transpose")
    if turn is None or node.input(0) is node.input(1):
        return False
    perm = tuple(turn.attrs["perm"])
    rank = len(perm)
    if perm[-2] != rank - 1:
        return False
    rest = (*perm[:-2], perm[-1], perm[-2])
    source = turn.input(0)
    if rest != tuple(range(rank)):
        first = new_node(graph, "transpose", turn.name, [source], {"perm": rest})
        insert_before(graph, turn, first)
        source = first.output
    node.inputs[1] = source
    node.attrs["transpose_b"] = not node.attrs["transpose_b"]
    remove(graph, turn)
    return True


def _take_factor(graph: Graph, softmax: Node) -> bool:
    """A positive number that multiplies the argument, or a factor of the product that is the argument."""
    uses = Uses(graph)
    product = uses.private_producer(softmax.input(0), "matmul")
    for value in (softmax.input(0), *(() if product is None else product.inputs)):
        scaling = None if value is None else _moved(uses, value)
        found = value_and_number(scaling) if scaling is not None and is_plain(scaling, "mul") else None
        if scaling is not None and found is not None and found[1] > 0:
            softmax.attrs["beta"] *= found[1]
            remove(graph, scaling)
            graph.replace_uses(scaling.output, found[0])
            return True
    return False


def _moved(uses: Uses, value: Value) -> Node | None:
    """The product whose elements `value` is, moved about; nothing else reads it."""
    while (mover := uses.private_producer(value, *MOVERS)) is not None:
        value = mover.input(0)
    return uses.private_producer(value, "mul")
