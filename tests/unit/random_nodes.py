"""Random lowered nodes of operators: what their kernels and references are compared on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgeq.ir.graph import Node, Value
from edgeq.ir.types import DType, Quantization, TensorType
from tests.unit.attention_nodes import attention_node
from tests.unit.quantized_nodes import lowered, tensor

SOFTMAX_OUTPUT = (1 / 256, -128)


def numbers(rng: np.random.Generator) -> tuple[float, int]:
    return float(np.exp(rng.uniform(-5, 1))), int(rng.integers(-128, 128))


def sizes(rng: np.random.Generator, count: int, most: int = 9) -> list[int]:
    return [int(n) for n in rng.integers(1, most + 1, count)]


def pool(op: str, rng: np.random.Generator) -> Node:
    h, w, c = sizes(rng, 3)
    kernel = int(rng.integers(1, h + 1)), int(rng.integers(1, w + 1))
    pads = tuple(int(rng.integers(0, kernel[i % 2])) for i in range(4))
    attrs = {"count_include_pad": bool(rng.integers(2))} if op == "avg_pool2d" else {}
    clamp = {"clamp_min": 0.0, "clamp_max": 3.0} if rng.integers(2) else {}
    strides = tuple(sizes(rng, 2, 4))
    return lowered(op, [tensor([1, h, w, c])], kernel=kernel, strides=strides, pads=pads, **attrs, **clamp)


def pair(op: str, rng: np.random.Generator) -> Node:
    h, w, c = sizes(rng, 3)
    shape = (1, h, w, c)
    other = [shape, (1,), (c,), (1, 1, 1, c), (1, h, 1, 1), (1, 1, w, 1), (1, h, 1, c)][rng.integers(7)]
    a, b = tensor(shape, numbers(rng)), tensor(other, numbers(rng))
    if rng.integers(3) == 0:
        b = tensor(other, numbers(rng), rng.integers(-128, 128, other).astype(np.int8))
    clamp = {"clamp_min": -0.5, "clamp_max": 2.0} if rng.integers(2) else {}
    return lowered(op, [a, b] if rng.integers(2) else [b, a], numbers(rng), **clamp)


def mean(rng: np.random.Generator) -> Node:
    shape = sizes(rng, 4)
    first = int(rng.integers(0, 4))
    axes = tuple(range(first, int(rng.integers(first + 1, 5))))
    return lowered("mean", [tensor(shape, numbers(rng))], numbers(rng), axes=axes, keepdims=bool(rng.integers(2)))


def softmax(rng: np.random.Generator) -> Node:
    columns = int(rng.choice([1, 2, 10, 12, 101, 1000, 4095]))
    scale = float(np.exp(rng.uniform(-7, 1)))
    return lowered("softmax", [tensor([1, 3, columns], (scale, 5))], SOFTMAX_OUTPUT, beta=float(rng.choice([1, 0.5])))


def pad(rng: np.random.Generator) -> Node:
    rank = int(rng.integers(1, 5))
    pads = tuple((int(a), int(b)) for a, b in rng.integers(0, 3, (rank, 2)))
    return lowered("pad", [tensor(sizes(rng, rank, 5))], pads=pads, value=float(rng.normal()))


def concat(rng: np.random.Generator) -> Node:
    shape, axis = sizes(rng, 4, 5), int(rng.integers(0, 4))
    shapes = [[*shape[:axis], n, *shape[axis + 1 :]] for n in sizes(rng, int(rng.integers(1, 5)))]
    return lowered("concat", [tensor(s) for s in shapes], axis=axis)


def transpose(rng: np.random.Generator) -> Node:
    rank = int(rng.integers(1, 6))
    return lowered("transpose", [tensor(sizes(rng, rank, 5))], perm=tuple(int(p) for p in rng.permutation(rank)))


def slice_(rng: np.random.Generator) -> Node:
    shape = sizes(rng, int(rng.integers(1, 6)), 6)
    begin, end, strides = [], [], []
    for size in shape:
        first, last = (int(n) for n in rng.integers(0, size, 2))
        step = int(rng.integers(1, 4))
        begin.append(first)
        end.append(last + 1 if last >= first else last - 1)
        strides.append(step if last >= first else -step)
    return lowered("slice", [tensor(shape)], begin=tuple(begin), end=tuple(end), strides=tuple(strides))


def resize(rng: np.random.Generator) -> Node:
    h, w, c, out_h, out_w = sizes(rng, 5)
    rule = {"align_corners": bool(rng.integers(2)), "half_pixel": False}
    return lowered("resize_nearest", [tensor([1, h, w, c])], out_h=out_h, out_w=out_w, **rule)


def argmax(rng: np.random.Generator) -> Node:
    axis = int(rng.integers(0, 4))
    return lowered("argmax", [tensor(sizes(rng, 4, 5))], None, axis=axis, keepdims=bool(rng.integers(2)))


def matmul(rng: np.random.Generator) -> Node:
    batches, rows, depth, columns = sizes(rng, 4)
    swapped, shared = bool(rng.integers(2)), bool(rng.integers(2))
    b = (columns, depth) if swapped else (depth, columns)
    inputs = [tensor((batches, rows, depth), numbers(rng)), tensor((1 if shared else batches, *b), numbers(rng))]
    return lowered("matmul", inputs, numbers(rng), transpose_b=swapped)


def layer_norm(rng: np.random.Generator) -> Node:
    rows, columns = sizes(rng, 1)[0], int(rng.choice([1, 2, 3, 8, 64, 300]))
    constants = []
    for size in (float(np.exp(rng.uniform(-4, 3))), float(rng.choice([0.0, 1.0, 5.0]))):
        quantization = Quantization.per_tensor(max(size, 1e-3) / 32767, 0)
        data = rng.integers(-32767, 32768, columns).astype(np.int16)
        constants.append(Value("", TensorType((columns,), DType.INT16, quantization), data))
    attrs = {"epsilon": float(rng.choice([0.0, 1e-5, 1e-2])), "centred": bool(rng.integers(2))}
    return lowered("layer_norm", [tensor((rows, columns), numbers(rng)), *constants], numbers(rng), **attrs)


def group_norm(rng: np.random.Generator) -> Node:
    groups, width = int(rng.integers(1, 6)), int(rng.choice([1, 1, 2, 5]))
    constants = []
    for size in (float(np.exp(rng.uniform(-4, 3))), float(rng.choice([0.0, 1.0, 5.0]))):
        quantization = Quantization.per_tensor(max(size, 1e-3) / 32767, 0)
        data = rng.integers(-32767, 32768, groups * width).astype(np.int16)
        constants.append(Value("", TensorType(data.shape, DType.INT16, quantization), data))
    shape = (1, int(rng.integers(1, 9)), int(rng.integers(1, 9)), groups * width)
    attrs = {"groups": groups, "epsilon": float(rng.choice([0.0, 1e-5, 1e-2]))}
    return lowered("group_norm", [tensor(shape, numbers(rng)), *constants], numbers(rng), **attrs)


def litert_lstm(rng: np.random.Generator) -> Node:
    steps, inputs, units = (int(n) for n in rng.integers(1, 10, 3))
    x, y = numbers(rng), (float(rng.choice([1 / 128, 0.003, 0.02])), int(rng.integers(-128, 128)))
    constants = []
    for columns in (inputs, units):
        scales = np.exp(rng.uniform(-7, -3, 4)).repeat(units)
        kind = TensorType((4 * units, columns), DType.INT8, Quantization(tuple(scales), (0,) * len(scales), 0))
        constants.append(Value("", kind, rng.integers(-127, 128, kind.shape).astype(np.int8)))
    for reach in (int(rng.choice([10, 3000, 10**6])), 1):
        kind = TensorType((4 * units,), DType.INT32, Quantization.per_tensor(1.0, 0))
        constants.append(Value("", kind, rng.integers(-reach, reach, 4 * units).astype(np.int32)))
    attrs = {"stateful": False, "cell_bits": int(rng.integers(9, 16)), "cell_clip": float(rng.choice([0.0, 0.5, 10.0]))}
    return lowered("litert_lstm", [tensor((1, steps, inputs), x), *constants], y, **attrs)


def recurrent(op: str, rng: np.random.Generator) -> Node:
    steps, inputs, units = (int(n) for n in rng.integers(1, 12, 3))
    rows = {"gru": 3, "lstm": 4, "rnn": 1}[op] * units
    shapes, size = [(rows, inputs), (rows, units), (rows,), (rows,)], float(np.exp(rng.uniform(-3, 3)))
    constants = []
    for shape in shapes:
        data = rng.integers(-32767, 32768, shape).astype(np.int16)
        constants.append(Value("", TensorType(shape, DType.INT16, Quantization.per_tensor(size / 32767, 0)), data))
    x = tensor((1, steps, inputs), (float(np.exp(rng.uniform(-5, 0))), int(rng.integers(-128, 128))))
    if rng.integers(2):
        for _ in range(2 if op == "lstm" else 1):
            kind = TensorType((units,), DType.INT16, Quantization.per_tensor(0.9 / 32767, 0))
            constants.append(Value("", kind, rng.integers(-32767, 32768, units).astype(np.int16)))
    if op == "rnn":
        activation, largest = str(rng.choice(["tanh", "relu"])), float(rng.choice([1.0, 20.0]))
        return lowered(op, [x, *constants], (largest / 255, int(rng.integers(-128, 100))), activation=activation)
    ranges = {"cell_range": float(rng.choice([0.5, 8.0, 1000.0])), "cell_clip": float(rng.choice([0.0, 0.4]))}
    cell = ranges if op == "lstm" else {}
    return lowered(op, [x, *constants], (1 / 128, 0), **cell)


def linear_attention(rng: np.random.Generator) -> Node:
    heads, width, queries, keys = sizes(rng, 4)
    bits, causal = int(rng.choice([1, 3, 4, 7, 15, 31])), bool(rng.integers(2))
    scale, zero_point = numbers(rng)
    inputs = [tensor((1, n, heads * bits), (1.0, int(rng.integers(-9, 9)))) for n in (queries, keys)]
    values = tensor((1, keys, heads * width), (scale, int(rng.choice([-128, 0, 127]))))
    if causal:
        inputs[0] = tensor((1, keys, heads * bits))
    output = (scale * float(rng.choice([0.06, 0.5, 0.7, 1.0, 3.0])), zero_point)
    return lowered("linear_attention", [*inputs, values], output, heads=heads, causal=causal)


def rotary(rng: np.random.Generator) -> Node:
    before, positions, between, pairs = sizes(rng, 4, 5)
    shape = (1, before, positions, between, 2 * pairs)
    steps = tuple(int(step) for step in rng.integers(0, 2**32, pairs))
    x = tensor(shape, numbers(rng))
    output = x.scale * float(np.exp(rng.uniform(-1, 1))), int(rng.integers(-128, 128))
    return lowered("rotary", [x], output, axis=2, steps=steps, interleaved=bool(rng.integers(2)))


def attention(rng: np.random.Generator) -> Node:
    """Any shape; every other one reads queries, keys and values from one tensor."""
    batches, kv_heads, group, depth, columns = sizes(rng, 5, 4)
    keys = int(rng.choice([1, 5, 18, 40]))
    queries = int(rng.integers(1, min(keys, 7) + 1))
    size, packed, scale = (batches, kv_heads * group, kv_heads), bool(rng.integers(2)), float(np.exp(rng.normal()))
    form = {"scale": scale, "causal": bool(rng.integers(2)), "log2": bool(rng.integers(2))}
    node = attention_node(*size, keys if packed else queries, keys, depth, columns, rng=rng, packed=packed, **form)
    node.params["tile"] = int(rng.integers(1, keys + 1))
    return node


LAYERS: dict[str, Callable[[np.random.Generator], Node]] = {
    "max_pool2d": lambda rng: pool("max_pool2d", rng),
    "avg_pool2d": lambda rng: pool("avg_pool2d", rng),
    "group_norm": group_norm,
    "gru": lambda rng: recurrent("gru", rng),
    "layer_norm": layer_norm,
    "linear_attention": linear_attention,
    "litert_lstm": litert_lstm,
    "lstm": lambda rng: recurrent("lstm", rng),
    "matmul": matmul,
    "mean": mean,
    "add": lambda rng: pair("add", rng),
    "sub": lambda rng: pair("sub", rng),
    "mul": lambda rng: pair("mul", rng),
    "relu6": lambda rng: lowered("relu6", [tensor(sizes(rng, 3), numbers(rng))], numbers(rng)),
    "softmax": softmax,
    "pad": pad,
    "concat": concat,
    "transpose": transpose,
    "slice": slice_,
    "resize_nearest": resize,
    "argmax": argmax,
    "attention": attention,
    "rnn": lambda rng: recurrent("rnn", rng),
    "rotary": rotary,
}
