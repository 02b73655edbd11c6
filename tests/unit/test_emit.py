"""The generated folder: bytes that repeat, C without a warning, all or nothing on disk."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgeq.emit import check_name, default_name, render_files, staged_folder, write_folder
from edgeq.errors import UsageError
from edgeq.ir.graph import Graph
from edgeq.ir.types import DType, Quantization
from edgeq.kernels.select import select_kernels
from edgeq.ops.build import GraphBuilder
from edgeq.passes.lower import lower
from edgeq.plan import plan_memory
from tests.tools import need

FACTS = {
    "name": "net",
    "board": "host",
    "optimize": "balanced",
    "source": {"file": "net.onnx", "sha256": "0" * 64, "format": "test", "quantized_by": "model"},
}
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-pedantic", "-Werror"]


def small_net() -> Graph:
    rng = np.random.default_rng(1)
    q = Quantization.per_tensor
    builder = GraphBuilder("net")
    x = builder.input("x", (1, 6, 5, 3), DType.INT8, q(0.05, -3))
    w = builder.constant(
        "w", rng.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8), Quantization((0.01,) * 4, (0,) * 4, 0)
    )
    b = builder.constant("b", rng.integers(-99, 99, 4).astype(np.int32))
    h = builder.add(
        "conv2d", [x, w, b], {"pads": (1, 1, 1, 1)}, name="conv", dtype=DType.INT8, quantizations=[q(0.1, 5)]
    )
    h = builder.add("reshape", [h], {"shape": (1, 120)}, name="flat", dtype=DType.INT8, quantizations=[q(0.1, 5)])
    v = builder.constant("v", rng.integers(-127, 128, (7, 120)).astype(np.int8), Quantization((0.02,) * 7, (0,) * 7, 0))
    y = builder.add("dense", [h, v], name="fc", dtype=DType.INT8, quantizations=[q(0.4, 0)])
    graph = builder.finish([y])
    lower(graph)
    return graph


def rendered() -> tuple[dict[str, str], dict[str, object], Graph]:
    graph = small_net()
    choices = select_kernels(graph.nodes, frozenset({"host"}), "balanced")
    files, manifest = render_files(graph, plan_memory(graph, choices), choices, FACTS)
    return files, manifest, graph


def written(folder: Path) -> Path:
    files, manifest, graph = rendered()
    original = folder.parent / "net.onnx"
    original.write_bytes(b"original")
    with staged_folder(folder) as staging:
        write_folder(staging, files, manifest, graph, real=None, original=original)
    return folder


def test_same_input_same_bytes(tmp_path: Path) -> None:
    one, two = written(tmp_path / "one"), written(tmp_path / "two")
    names = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file())
    assert names == sorted(p.relative_to(two) for p in two.rglob("*") if p.is_file())
    for name in names:
        assert (one / name).read_bytes() == (two / name).read_bytes()


@pytest.mark.parametrize("compiler", ["cc", "clang"])
def test_the_folder_alone_compiles_without_a_warning(tmp_path: Path, compiler: str) -> None:
    need(compiler)
    folder = written(tmp_path / "net")
    subprocess.run(["make", f"CC={compiler}", f"CFLAGS=-O2 {' '.join(WARNINGS)}"], cwd=folder, check=True)
    assert (folder / "libnet.a").is_file()


def test_the_header_links_from_cplusplus(tmp_path: Path) -> None:
    need("cc")
    folder = written(tmp_path / "net")
    subprocess.run(["make", "CC=gcc"], cwd=folder, check=True)
    (tmp_path / "main.cpp").write_text(
        '#include "net.h"\n'
        "alignas(NET_ARENA_ALIGN) static uint8_t arena[NET_ARENA_BYTES];\n"
        "int main() { net_t m; return net_init(&m, arena, sizeof arena) != EDGEQ_OK || net_run(&m) != EDGEQ_OK; }\n"
    )
    includes = [f"-I{folder}", f"-I{folder / 'edgeq/include'}"]
    subprocess.run(
        ["g++", *WARNINGS, *includes, "main.cpp", str(folder / "libnet.a"), "-o", "main"], cwd=tmp_path, check=True
    )
    subprocess.run([str(tmp_path / "main")], check=True)


def test_init_checks_what_it_is_given(tmp_path: Path) -> None:
    need("cc")
    folder = written(tmp_path / "net")
    (tmp_path / "main.c").write_text(
        '#include "net.h"\n'
        "static uint8_t arena[NET_ARENA_BYTES + 32];\n"
        "int main(void) {\n"
        "  net_t m; uint8_t *a = arena; while ((uintptr_t)a % NET_ARENA_ALIGN) a++;\n"
        "  if (net_init(&m, NULL, NET_ARENA_BYTES) != EDGEQ_NULL_POINTER) return 1;\n"
        "  if (net_init(&m, a, NET_ARENA_BYTES - 1) != EDGEQ_ARENA_TOO_SMALL) return 2;\n"
        "  if (net_init(&m, a + 1, NET_ARENA_BYTES) != EDGEQ_ARENA_MISALIGNED) return 3;\n"
        "  if (net_init(&m, a, NET_ARENA_BYTES) != EDGEQ_OK) return 4;\n"
        "  if (net_input(&m, 1) != NULL || net_output(&m, 9) != NULL) return 5;\n"
        "  return net_run(NULL) == EDGEQ_NULL_POINTER ? 0 : 6;\n"
        "}\n"
    )
    sources = [str(p) for p in folder.rglob("*.c")]
    includes = [f"-I{folder}", f"-I{folder / 'edgeq/include'}"]
    subprocess.run(["gcc", "-std=c99", *includes, "main.c", *sources, "-o", "main"], cwd=tmp_path, check=True)
    subprocess.run([str(tmp_path / "main")], check=True)


def test_a_stale_runtime_is_a_compile_error(tmp_path: Path) -> None:
    need("cc")
    folder = written(tmp_path / "net")
    header = folder / "edgeq/include/edgeq/edgeq_contract.h"
    header.write_text(header.read_text().replace("EDGEQ_ABI_VERSION 1", "EDGEQ_ABI_VERSION 999"))
    done = subprocess.run(["make", "CC=gcc"], cwd=folder, capture_output=True, text=True)
    assert done.returncode != 0 and "run edgeq convert again" in done.stderr


def test_an_error_leaves_the_old_folder_as_it_was(tmp_path: Path) -> None:
    folder = written(tmp_path / "net")
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    with pytest.raises(RuntimeError), staged_folder(folder) as staging:
        (staging / "half").write_text("written")
        raise RuntimeError
    assert before == {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net", "net.onnx"]


def test_foreign_folders_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="other files"), staged_folder(tmp_path / "home"):
        pass
    assert (tmp_path / "home" / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("bad", ["", "9lives", "for", "class", "int8_t", "a b", "naïve", "edgeq_x", "_x"])
def test_names_that_c_cannot_have_are_refused(bad: str) -> None:
    with pytest.raises(UsageError):
        check_name(bad)


def test_default_names() -> None:
    assert default_name(Path("kws-small.v2.tflite")) == "kws_small_v2"
    assert default_name(Path("3d.onnx")) == "model_3d"
