"""Imports run one way: docs/architecture.md, section 7. Read from the syntax trees, so hidden imports count too."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

BASE = {"errors", "contract", "resources"}
"""What every room may use: the error tree, the numbers shared with C, where the data files are."""

ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "contract": set(),
    "resources": set(),
    "templates": set(),
    "formats": set(),
    "npz": {"formats"},
    # The model, as a graph.
    "ir": {"formats"},
    "ops": {"ir", "formats"},
    "nn": {"ir", "ops", "formats"},
    "frontends": {"ir", "ops", "formats"},
    "passes": {"ir", "ops", "formats"},
    # Methods that learn load edgeq.nn, and with it PyTorch, when they run.
    "quant": {"ir", "ops", "formats", "passes", "nn"},
    # The choice of kernels and of memory, and the C.
    "boards": set(),
    "kernels": {"ir", "ops", "formats", "boards"},
    "plan": {"ir", "ops", "formats", "kernels"},
    "emit": {"ir", "ops", "formats", "kernels", "plan", "templates"},
    # The C, compiled and run: from here on nothing knows the graph.
    "toolchain": {"boards"},
    "emulate": {"boards", "toolchain", "npz", "templates"},
    "device": {"boards", "toolchain", "npz", "templates"},
    "flash": {"boards", "emulate", "device"},
    "projects": {"boards", "templates"},
    # A front end is integers and C of its own; of a network it reads the manifest.
    "sound": {"ir", "ops", "emit", "npz", "sample_files", "templates"},
    "report": {"boards"},
    # The registries as tables for the documentation; no model passes through here.
    "report.tables": {"ops", "formats", "kernels", "boards", "frontends", "flash", "projects", "quant"},
    # The steps of the commands: each joins several rooms, and pipeline joins them all.
    "build": {"boards", "toolchain", "emulate"},
    "sample_files": set(),
    "samples": {"npz", "sample_files"},
    "calibrate": {"ir", "npz", "samples", "quant"},
    "arena_limit": {"ir", "passes", "kernels", "plan"},
    "narrow": {"ir", "ops", "passes", "kernels"},
    "originals": {"ir", "npz"},
    "verify": {"ir", "ops", "quant", "npz", "boards", "toolchain", "emulate", "device", "build", "originals", "sound"},
    "selftest": {"ir", "ops", "npz"},
    "bench": {"npz", "boards", "toolchain", "emulate", "device", "build"},
    "snapshot": {"npz", "boards", "toolchain", "emulate", "build", "bench"},
    "doctor": {"boards", "toolchain", "emulate"},
    "onnx_backend": {"ir", "ops", "frontends", "passes"},
    "inspect": {"ir", "ops", "frontends", "passes"},
}
"""Room -> rooms it may import besides BASE and itself. A room is a folder or a module directly under edgeq/; a dotted
name is a single module with its own rule."""

TOP = {"__init__", "pipeline", "assemble", "tune", "cli", "pytest_plugin"}
"""They compose, so they may import every room; no room may import them."""

TORCH_ROOM = "nn"
HEAVY = ("numpy", "onnx", "jinja2", "tflite", "flatbuffers", "torch", "unicorn", "capstone", "elftools", "ziglang")
"""What `import edgeq, edgeq.cli` must not load: `edgeq --help` answers in under half a second."""

GRAPH_FREE = ("toolchain", "emulate", "device")
"""Rooms that must not load edgeq.ir even by way of another room."""


def room_of(module: str) -> str:
    """edgeq.ops.conv2d -> ops; edgeq -> __init__."""
    parts = module.split(".")[1:]
    dotted = ".".join(parts)
    return dotted if dotted in ALLOWED else (parts[0] if parts else "__init__")


def imports(path: Path, module: str) -> Iterator[tuple[int, str]]:
    """Line and absolute module name of every import in a file, at whatever depth it stands."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                base = ".".join([*parents[: len(parents) - node.level + 1], *([base] if base else [])])
            for alias in node.names:
                # `from edgeq import npz` imports a room by its name.
                yield node.lineno, f"{base}.{alias.name}" if base == "edgeq" else base


def exists(root: Path, room: str) -> bool:
    """Whether edgeq/ holds a folder or a module of that name."""
    return any((root / "edgeq" / name).exists() for name in (room, f"{room}.py"))


def wrong_imports(root: Path) -> list[str]:
    """One sentence per import that goes against the direction."""
    complaints = []
    for path in sorted((root / "edgeq").rglob("*.py")):
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        room = room_of(module)
        if room not in ALLOWED and room not in TOP:
            complaints.append(f"{path.relative_to(root)}: room {room!r} is not in the table of tests/meta")
            continue
        for line, name in imports(path, module):
            where = f"{path.relative_to(root)}:{line}"
            top = name.split(".")[0]
            if top == "torch" and room != TORCH_ROOM:
                complaints.append(f"{where}: only edgeq.{TORCH_ROOM} may import torch")
            if top != "edgeq" or room in TOP:
                continue
            target = room_of(name)
            if target not in ALLOWED | dict.fromkeys(TOP) and not exists(root, target):
                continue  # a name of the package itself, such as __version__
            same = target.split(".")[0] == room.split(".")[0]
            if target != "__init__" and not same and target not in BASE | ALLOWED[room]:
                complaints.append(f"{where}: {room} must not import {target}")
    return complaints


def loaded_by(statement: str) -> set[str]:
    """Modules that a fresh interpreter has after a statement."""
    code = f"import sys\n{statement}\nprint(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(done.stdout.split())


def test_imports_run_one_way() -> None:
    assert wrong_imports(ROOT) == []


@pytest.mark.parametrize(
    ("path", "line", "complaint"),
    [
        ("frontends/x.py", "import edgeq.boards", "frontends must not import boards"),
        ("frontends/x.py", "from edgeq import boards", "frontends must not import boards"),
        ("frontends/onnx/x.py", "from ...boards import load_board", "frontends must not import boards"),
        ("emulate/x.py", "def f():\n    from edgeq.ir.graph import Graph", "emulate must not import ir"),
        ("report/text.py", "from edgeq.ir import Graph", "report must not import ir"),
        ("report/text.py", "from edgeq.ops import operators", "report must not import ops"),
        ("ops/x.py", "import edgeq.cli", "ops must not import cli"),
        ("errors.py", "from edgeq.ir import Graph", "errors must not import ir"),
        ("quant/x.py", "import torch.nn", "only edgeq.nn may import torch"),
        ("cli.py", "import torch", "only edgeq.nn may import torch"),
        ("attic/x.py", "", "'attic' is not in the table"),
    ],
)
def test_a_wrong_import_is_named(tmp_path: Path, path: str, line: str, complaint: str) -> None:
    for name in ("boards", "cli", "ir/graph", "ops/__init__", path.removesuffix(".py")):
        file = tmp_path / "edgeq" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (tmp_path / "edgeq" / path).write_text(line)
    (found,) = wrong_imports(tmp_path)
    assert complaint in found and path in found


def test_right_imports_are_not_named(tmp_path: Path) -> None:
    for name, text in {
        "boards": "",
        "cli": "import edgeq.boards\nfrom edgeq import ops",
        "ir/__init__": "from .graph import Graph",
        "ir/graph": "from edgeq.errors import EdgeqError\nfrom edgeq import __version__\nimport numpy",
        "ops/__init__": "from edgeq.ir import Graph",
        "nn/__init__": "import torch",
    }.items():
        file = tmp_path / "edgeq" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert wrong_imports(tmp_path) == []


def test_the_command_line_starts_light() -> None:
    loaded = loaded_by("import edgeq, edgeq.cli")
    assert not loaded.intersection(HEAVY)


@pytest.mark.parametrize("room", [room for room in GRAPH_FREE if exists(ROOT, room)])
def test_rooms_after_the_c_do_not_load_the_graph(room: str) -> None:
    assert "edgeq.ir" not in loaded_by(f"import edgeq.{room}")
