"""ONNX: float networks, and quantized ones in QDQ or QOperator form."""

from edgeq.frontends.onnx.load import load_onnx

__all__ = ["load_onnx"]
