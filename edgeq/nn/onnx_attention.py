"""Linear attention in ONNX: a local function, whose body says in standard operators what a call computes."""

from __future__ import annotations

from typing import Any

import onnx
from onnx import AttributeProto, FunctionProto, NodeProto, TensorProto, helper

DOMAIN = "edgeq"
OPSET = 17
INTEGER, REAL = AttributeProto.INT, AttributeProto.FLOAT


def attention_function(causal: bool) -> FunctionProto:
    """`HashedAttention` or `CausalHashedAttention` (queries, keys, values) of floats [N, tokens, heads * n].

    Attributes: heads; offset, what is added to each product of codes; step, of the result's grid. In double
    precision, in which sums of such integers and steps are exact.
    """
    nodes = [
        _attribute("heads", "value_int", INTEGER),
        _attribute("offset", "value_float", REAL),
        _attribute("step", "value_float", REAL),
        helper.make_node("Constant", [], ["first"], value_ints=[0]),
        helper.make_node("Constant", [], ["kept"], value_ints=[0, 0]),
        helper.make_node("Constant", [], ["rest"], value_ints=[-1]),
        helper.make_node("Constant", [], ["flat"], value_ints=[0, 0, -1]),
        *(_number(n, v) for n, v in (("nil", 0.0), ("two", 2.0), ("unit", 1.0), ("half", 0.5))),
        *(_number(n, v) for n, v in (("low", -128.0), ("high", 127.0))),
        _node("Unsqueeze", ["heads", "first"], "heads1"),
        helper.make_node("Concat", ["kept", "heads1", "rest"], ["split"], axis=0),
        _node("Cast", ["offset"], "offset64", to=TensorProto.DOUBLE),
        _node("Cast", ["step"], "step64", to=TensorProto.DOUBLE),
        *_codes("queries", (0, 2, 1, 3)),
        *_codes("keys", (0, 2, 3, 1)),
        _node("Cast", ["values"], "values64", to=TensorProto.DOUBLE),
        _node("Reshape", ["values64", "split"], "values_apart"),
        _node("Transpose", ["values_apart"], "v", perm=[0, 2, 1, 3]),
        _node("MatMul", ["queries_codes", "keys_codes"], "products"),
        _node("Add", ["products", "offset64"], "all_weights"),
        _node("Trilu", ["all_weights"], "weights", upper=0)
        if causal
        else _node("Identity", ["all_weights"], "weights"),
        _node("MatMul", ["weights", "v"], "numerators"),
        _node("ReduceSum", ["weights", "rest"], "denominators", keepdims=1),
        _node("Div", ["numerators", "denominators"], "means"),
        _node("Div", ["means", "step64"], "steps"),
        _node("Add", ["steps", "half"], "raised"),
        _node("Floor", ["raised"], "rounded"),
        _node("Clip", ["rounded", "low", "high"], "limited"),
        _node("Mul", ["limited", "step64"], "result64"),
        _node("Cast", ["result64"], "result", to=TensorProto.FLOAT),
        _node("Transpose", ["result"], "result_apart", perm=[0, 2, 1, 3]),
        _node("Reshape", ["result_apart", "flat"], "output"),
    ]
    return helper.make_function(
        DOMAIN,
        function_name(causal),
        ["queries", "keys", "values"],
        ["output"],
        nodes,
        [helper.make_opsetid("", OPSET)],
        attributes=["heads", "offset", "step"],
    )


def function_name(causal: bool) -> str:
    """Its name in the domain. Not LinearAttention, which is a standard operator with other inputs since opset 27."""
    return "CausalHashedAttention" if causal else "HashedAttention"


def _node(op: str, inputs: list[str], output: str, **attrs: Any) -> NodeProto:
    return helper.make_node(op, inputs, [output], **attrs)


def _number(name: str, value: float) -> NodeProto:
    return _node("Constant", [], name, value=helper.make_tensor(name, TensorProto.DOUBLE, [], [value]))


def _attribute(name: str, field: str, kind: AttributeProto.AttributeType) -> NodeProto:
    """A constant that the call gives as its attribute of that name."""
    node = onnx.NodeProto(op_type="Constant", output=[name])
    node.attribute.append(AttributeProto(name=field, ref_attr_name=name, type=kind))
    return node


def _codes(name: str, perm: tuple[int, int, int, int]) -> list[NodeProto]:
    """-1 below 0 and +1 elsewhere, by head."""
    return [
        _node("Cast", [name], f"{name}64", to=TensorProto.DOUBLE),
        _node("GreaterOrEqual", [f"{name}64", "nil"], f"{name}_above"),
        _node("Cast", [f"{name}_above"], f"{name}_bits", to=TensorProto.DOUBLE),
        _node("Mul", [f"{name}_bits", "two"], f"{name}_twice"),
        _node("Sub", [f"{name}_twice", "unit"], f"{name}_signs"),
        _node("Reshape", [f"{name}_signs", "split"], f"{name}_apart"),
        _node("Transpose", [f"{name}_apart"], f"{name}_codes", perm=list(perm)),
    ]
