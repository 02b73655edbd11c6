"""Linear attention over binary codes: local functions of the domain `edgeq`, which `edgeq.nn.export` writes.

Their bodies, in standard operators, say what they compute to all other programs; here the calls are recognised.
"""

from __future__ import annotations

from edgeq.errors import ModelDataError, UnsupportedError
from edgeq.frontends.onnx.importer import NodeImport
from edgeq.frontends.onnx.rows import EDGEQ_DOMAIN, converts
from edgeq.ops.linear_attention import weight_shift


@converts("HashedAttention", domain=EDGEQ_DOMAIN)
def linear_attention(node: NodeImport) -> None:
    _attend(node, causal=False)


@converts("CausalHashedAttention", domain=EDGEQ_DOMAIN)
def causal_linear_attention(node: NodeImport) -> None:
    _attend(node, causal=True)


def _attend(node: NodeImport, *, causal: bool) -> None:
    queries, keys, values = (node.real(i) for i in range(3))
    heads, step = node.attrs.integer("heads", 1), node.attrs.real("step", 0.0)
    offset = node.attrs.real("offset", 0.0)
    if not 0 < step < float("inf"):
        raise ModelDataError(f"its step is {step}; it must be positive and finite")
    if heads < 1 or len(queries.shape) != 3 or queries.shape[2] % heads:
        raise UnsupportedError(f"{heads} heads over queries of shape {list(queries.shape)}")
    bits = queries.shape[2] // heads
    if offset != 1 << weight_shift(bits):
        raise UnsupportedError(
            f"adds {offset:g} to the products of codes; for {bits} bits it is {1 << weight_shift(bits)}"
        )
    attrs = {"heads": heads, "causal": causal, "step": step}
    node.bind(0, node.emit("linear_attention", [queries, keys, values], attrs))
