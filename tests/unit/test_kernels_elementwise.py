"""Portable kernels of the element-wise, pooling and moving operators: every bit of their integer references.

A generated main reads layers from stdin, gives every table and tensor its own allocation of exactly the promised size
(so that the address sanitizer sees any byte read or written beside it), and prints the outputs.
"""

from __future__ import annotations

import os
import re
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgeq import resources
from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.kernels import Kernel, kernels, kernels_for
from edgeq.ops import operator
from tests.tools import need
from tests.unit.quantized_nodes import EVERY_INT8, integers, lowered, random_arrays, tensor
from tests.unit.random_nodes import LAYERS, SOFTMAX_OUTPUT

pytestmark = pytest.mark.tools

WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-pedantic", "-Werror")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


FAMILIES = sorted({operator(op).kernels for op in LAYERS})
KERNELS = [k for family in FAMILIES for k in kernels_for(family) if k.parts.activations == "a8" and k.output_bits == 8]


def descriptor_fields(kernel: Kernel) -> list[str]:
    """Names of the descriptor's fields in the header's order; a header may borrow another's structure."""
    include = resources.runtime_dir() / "include"
    text = (include / kernel.header).read_text("utf-8")
    if borrowed := re.search(rf"typedef edgeq_(\w+)_t edgeq_{kernel.op}_t;", text):
        text = (include / "edgeq" / f"edgeq_{borrowed[1]}.h").read_text("utf-8")
    body = re.sub(r"/\*.*?\*/", "", text[text.index("typedef struct {") : text.index("} edgeq_")], flags=re.S)
    return re.findall(r"(\w+);", body)


def main_text(kernel: Kernel, node: Node) -> str:
    reads = [
        f"    layer.{key} = {'block(NULL)' if isinstance(value, np.ndarray) else 'number()'};"
        for key, value in node.params.items()
    ]
    pointers = "(const int8_t *const *)(void *)inputs"
    own = operator(node.op).folds_operands or operator(node.op).accumulates
    given = 1 if own else len(node.inputs)
    arguments = pointers if kernel.op == "concat" else ", ".join(f"inputs[{i}]" for i in range(given))
    return f"""
#include <stdio.h>
#include <stdlib.h>
#include "{kernel.header}"
static int32_t number(void) {{
  int32_t value;
  if (fread(&value, 4, 1, stdin) != 1) exit(feof(stdin) ? 0 : 2);
  return value;
}}
static void *block(size_t *size) {{
  const size_t bytes = (size_t)number();
  void *data = malloc(bytes);
  if (fread(data, 1, bytes, stdin) != bytes) exit(2);
  if (size) *size = bytes;
  return data;
}}
int main(void) {{
  for (;;) {{
    const size_t output_bytes = (size_t)number();
    const int32_t overwritten = number();
    void *scratch = malloc((size_t)number());
    const int32_t count = number();
    void *inputs[16] = {{0}};
    for (int32_t i = 0; i < count; i++) inputs[i] = block(NULL);
    {kernel.descriptor_type} layer;
{chr(10).join(reads)}
    void *output = overwritten < 0 ? malloc(output_bytes) : inputs[overwritten];
    {kernel.name}(&layer, {arguments}, output, scratch);
    if (fwrite(output, 1, output_bytes, stdout) != output_bytes) return 3;
  }}
}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


def program(kernel: Kernel, compiler: str, wide: int, text: str, folder: Path) -> Path:
    """The sanitized program around one kernel. wide: whether the core multiplies 32 x 32 -> 64 bits."""
    stem = f"{kernel.name}-{compiler}-{wide}"
    source, target, runtime = folder / f"{stem}.c", folder / stem, resources.runtime_dir()
    if target.exists():
        return target
    source.write_text(text, encoding="utf-8")
    command = [compiler, "-std=c99", "-O1", "-g", *WARNINGS, *SANITIZERS, f"-DEDGEQ_WIDE_MULTIPLY={wide}"]
    # Kernels with instructions of one core have a plain form beside them, or intrinsics in plain C in port/host.
    command += ["-I", str(runtime / "include"), "-I", str(runtime / "port" / "host" / "simd")]
    command += [str(source), str(runtime / kernel.source), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def run(binary: Path, given: bytes) -> bytes:
    """What the program prints; fails on any sanitizer report. The program leaks on purpose: it ends at once."""
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run([str(binary)], input=given, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[:3000]
    return done.stdout


def message(kernel: Kernel, node: Node, arrays: list[Array], overwritten: int) -> bytes:
    def block(array: Array, beyond: int = 0) -> bytes:
        data = np.ascontiguousarray(array).tobytes() + bytes(beyond)
        return struct.pack("<i", len(data)) + data

    scratch = kernel.scratch_bytes(operator(node.op).facts(node))
    parts = [struct.pack("<iiii", node.output.type.bytes, overwritten, scratch, len(arrays))]
    parts += [block(a, kernel.over_read) for a in arrays]
    for value in node.params.values():
        parts.append(block(value) if isinstance(value, np.ndarray) else struct.pack("<i", value))
    return b"".join(parts)


def ways(kernel: Kernel, node: Node) -> Iterator[int]:
    """Where the output goes: its own bytes (-1), or over every input that the row allows and the plan would."""
    yield -1
    for index in kernel.in_place:
        value = node.input(index)
        if not value.is_constant and value.type.bytes == node.output.type.bytes:
            yield index


def layers(family: str, count: int) -> list[Node]:
    """`count` random layers of every operator that the family runs."""
    nodes = []
    for op, make in LAYERS.items():
        if operator(op).kernels == family:
            nodes += [make(np.random.default_rng([count, seed])) for seed in range(count)]
    return nodes


@pytest.mark.parametrize(("compiler", "wide"), [("gcc", 1), ("clang", 0)])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.name)
def test_kernel_gives_the_reference_bits(kernel: Kernel, compiler: str, wide: int, folder: Path) -> None:
    need(compiler)
    rng = np.random.default_rng(1)
    sent, expected = [], []
    for number, node in enumerate(layers(kernel.op, 60)):
        if not kernel.accepts(operator(node.op).facts(node)):
            continue
        for overwritten in ways(kernel, node):
            arrays = random_arrays(node, rng, extreme=number % 3 == 0)
            sent.append(message(kernel, node, arrays, overwritten))
            expected.append((node, overwritten, integers(node, arrays)))
    assert len(sent) >= 20
    binary = program(kernel, compiler, wide, main_text(kernel, expected[0][0]), folder)
    received = run(binary, b"".join(sent))
    offset = 0
    for node, overwritten, want in expected:
        got = np.frombuffer(received, want.dtype, want.size, offset).reshape(want.shape)
        offset += want.nbytes
        assert np.array_equal(got, want), (node.op, node.attrs, node.params, overwritten)
    assert offset == len(received)


@pytest.mark.parametrize("op", ["add", "sub", "mul"])
def test_every_pair_of_int8(op: str, folder: Path) -> None:
    need("gcc")
    (kernel,) = (k for k in kernels_for(op) if k.name.endswith("_a8__c"))
    a, b = (np.ascontiguousarray(g) for g in np.meshgrid(EVERY_INT8, EVERY_INT8))
    for scales in [(1.0, 1.0, 1.0), (0.5, 3.0, 0.01), (1e-3, 0.7, 0.9), (0.1, 0.1, 0.2)]:
        inputs = [tensor(a.shape, (scales[0], -128)), tensor(a.shape, (scales[1], 127))]
        node = lowered(op, inputs, (scales[2], 3))
        binary = program(kernel, "gcc", 1, main_text(kernel, node), folder)
        received = run(binary, message(kernel, node, [a, b], -1))
        assert np.array_equal(np.frombuffer(received, np.int8).reshape(a.shape), integers(node, [a, b]))


SPLIT_IN_TWO = [
    k for op in ("add", "sub") for k in kernels_for(op) if k.descriptor_type in ("edgeq_add_t", "edgeq_sub_t")
]
"""Kernels whose operands have LiteRT's factors in two parts; those of int16 have one in Q31."""


@pytest.mark.parametrize("kernel", SPLIT_IN_TWO, ids=lambda k: k.name)
@pytest.mark.parametrize("split", [(1, 1024), (1, 1023), (0, 1536), (1, 0), (3, 2047)])
@pytest.mark.parametrize("shift", [1, 2, 3])
def test_ties_of_the_first_rounding(kernel: Kernel, split: tuple[int, int], shift: int, folder: Path) -> None:
    """Factors so small that every unit of the common scale shows in the output."""
    need("gcc")
    a, b = (np.ascontiguousarray(g) for g in np.meshgrid(EVERY_INT8, EVERY_INT8))
    node = lowered(kernel.op, [tensor(a.shape, (1.0, 3)), tensor(a.shape, (1.0, 3))], (1.0, 3))
    for letter in "ab":
        node.params |= {f"{letter}_high": split[0], f"{letter}_low": split[1], f"{letter}_shift": shift}
    node.params |= {"multiplier": 2**31 - 1, "right": 1}
    binary = program(kernel, "gcc", 1, main_text(kernel, node), folder)
    received = run(binary, message(kernel, node, [a, b], -1))
    assert np.array_equal(np.frombuffer(received, np.int8).reshape(a.shape), integers(node, [a, b]))


def test_every_bit_of_the_reciprocal_counts(folder: Path) -> None:
    """Enough rows that a relative error of 2**-16 would change an output."""
    need("gcc")
    (kernel,) = (k for k in kernels_for("softmax") if k.name.endswith("_a8__c"))
    node = lowered("softmax", [tensor([1, 8000, 3], (0.011, 5))], SOFTMAX_OUTPUT)
    arrays = random_arrays(node, np.random.default_rng(0))
    binary = program(kernel, "gcc", 1, main_text(kernel, node), folder)
    received = run(binary, message(kernel, node, arrays, -1))
    assert np.array_equal(np.frombuffer(received, np.int8), integers(node, arrays).ravel())


@pytest.mark.parametrize("count", [1, 2, 3, 7, 9, 64, 125, 255, 256, 257, 4097, 65536])
def test_average_of_every_count(count: int, folder: Path) -> None:
    """Sums of both signs where the result changes: there a wrong reciprocal shows."""
    need("gcc")
    (kernel,) = (k for k in kernels_for("avg_pool2d") if k.name.endswith("_a8__c"))
    width = 64
    x = np.random.default_rng(count).integers(-128, 128, (1, count, 1, width)).astype(np.int8)
    x[..., 0], x[..., 1] = -128, 127
    for column in range(2, width):  # sums around count * quotient + count / 2, where the result changes
        wanted = (column // 6 - 5) * 20 * count + count // 2 + column % 6 - 3
        x[0, :, 0, column] = np.diff(np.arange(count + 1) * wanted // count)
    node = lowered("avg_pool2d", [tensor(x.shape)], kernel=(count, 1))
    binary = program(kernel, "gcc", 1, main_text(kernel, node), folder)
    received = run(binary, message(kernel, node, [x], -1))
    assert np.array_equal(np.frombuffer(received, np.int8), integers(node, [x]).ravel())


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.name)
def test_parameters_are_the_descriptors_fields(kernel: Kernel) -> None:
    for node in layers(kernel.op, 1):
        assert list(node.params) == descriptor_fields(kernel)


def test_no_row_is_left_out() -> None:
    # In networks: test_stream, test_patches, test_onnx_tokens, test_stream_decoder; sound has tests of its own.
    elsewhere = {"delay_line", "sum_pixels", "average_sums", "gather", "position", "ring", "attention_ring"}
    elsewhere |= {"ring_int4", "attention_ring_int4", "sound_features"}
    assert {k.op for k in kernels()} - elsewhere - {"conv2d", "depthwise_conv2d", "dense"} == set(FAMILIES)
