"""The intermediate representation: a graph of named tensors and operator nodes."""

from edgeq.ir.graph import Attr, Graph, Node, Value
from edgeq.ir.types import DType, Quantization, TensorType

__all__ = ["Attr", "DType", "Graph", "Node", "Quantization", "TensorType", "Value"]
