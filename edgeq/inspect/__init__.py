"""What is in a model file: every operator, what it costs, and everything that edgeq cannot convert, all at once."""

from edgeq.inspect.content import Inspection, Layer, Tensor
from edgeq.inspect.model import inspect_model

__all__ = ["Inspection", "Layer", "Tensor", "inspect_model"]
