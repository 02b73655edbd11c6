"""What every row of the registries must have. Each rule returns sentences, so that broken rows can be fed to it."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from edgeq.boards import ARCHITECTURES, FEATURES, Board
from edgeq.kernels import Kernel
from edgeq.kernels.expressions import evaluate
from edgeq.kernels.features import kernel_features
from edgeq.kernels.layouts import LAYOUTS
from edgeq.kernels.names import parse_kernel_name
from edgeq.ops import Operator

FAMILY_FEATURES = frozenset({*ARCHITECTURES, "thumb1"})
"""What kernels.features adds to the features of a board's file."""


def operator_complaints(row: Operator, kernels: Sequence[Kernel], root: Path) -> list[str]:
    """What an operator lacks: words, integer arithmetic, a portable kernel, a call site, a test."""
    found = []
    cls = type(row)
    file = Path(inspect.getsourcefile(cls) or "?")
    if file.parent.name != "ops":
        found.append(f"is in {file}, not in a file of edgeq/ops")
    if not row.summary.strip():
        found.append("has no summary")
    if not cls.__doc__:
        found.append("has no docstring that says what it computes")
    for method in ("infer", "compute", *(("lower", "compute_integer") if _has_integer_form(row) else ())):
        if getattr(cls, method) is getattr(Operator, method):
            found.append(f"does not define {method}()")
    if _has_integer_form(row):
        own = [k for k in kernels if k.op == row.kernels]
        if not any(k.name.endswith("__c") and k.when == "1" and not k.isa and not k.avoid for k in own):
            found.append(f"has no portable kernel for every shape and core: a row of op {row.kernels!r} named ...__c")
        templates = (f"{row.kernels}.c.j2", "call.c.j2")
        if not any((root / "codegen" / "ops" / name).is_file() for name in templates):
            found.append(f"has no call site: codegen/ops/{templates[0]}")
    if not _is_tested(row.name, root / "tests"):
        found.append("is named by no test")
    return [f"{row.name} {what}" for what in found]


def _has_integer_form(row: Operator) -> bool:
    return row.lowers_to_integers and not row.is_view


def _is_tested(name: str, tests: Path) -> bool:
    word = re.compile(rf"\b{name}\b")
    pages = (p for p in tests.rglob("*.py") if p.parent.name != "meta")
    return any(word.search(path.read_text("utf-8")) for path in pages)


def params_complaints(row: Operator, params: Mapping[str, object]) -> list[str]:
    """Parameters of a lowered node that are not integers or integer arrays."""
    found = []
    for key, value in params.items():
        if isinstance(value, np.ndarray):
            if value.dtype.kind not in "iu":
                found.append(f"{row.name}: parameter {key!r} is an array of {value.dtype}")
        elif not isinstance(value, int) or isinstance(value, bool):
            found.append(f"{row.name}: parameter {key!r} is {value!r}, not an integer")
    return found


def kernel_complaints(
    kernel: Kernel,
    root: Path,
    facts: Iterable[Mapping[str, int]],
    boards: Sequence[Board],
) -> list[str]:
    """What is wrong with a kernel's row, without compiling it. `facts`: samples from the operators it can run."""
    found = []
    try:
        name = parse_kernel_name(kernel.name)
    except ValueError as error:
        found.append(str(error))
    else:
        if name.op != kernel.op:
            found.append(f"is named for op {name.op!r}, its row says {kernel.op!r}")
        # Portable C may ask for a feature too, one without which it would be slow.
        if name.isa != "c" and not kernel.isa:
            found.append(f"ends in __{name.isa}, but asks for no feature")
    source, header = root / "runtime" / kernel.source, root / "runtime" / "include" / kernel.header
    if not source.is_file():
        found.append(f"source {kernel.source} does not exist")
    if source.stem != kernel.name:
        found.append(f"its file is named {source.name}, not {kernel.name}.c")
    if not header.is_file():
        found.append(f"header {kernel.header} does not exist")
    elif not re.search(rf"\b{kernel.name}\s*\(", header.read_text("utf-8")):
        found.append(f"header {kernel.header} does not declare it")
    unknown = sorted({*kernel.isa, *kernel.avoid} - FEATURES.keys() - FAMILY_FEATURES)
    if unknown:
        found.append(f"asks for features that no board can have: {unknown}")
    elif not any(kernel.runs_on(kernel_features(board)) for board in boards):
        found.append("runs on no board")
    if kernel.layout not in LAYOUTS:
        found.append(f"has an unknown layout {kernel.layout!r}")
    if kernel.alignment not in (1, 2, 4, 8, 16) or kernel.over_read < 0:
        found.append("has an impossible alignment or over_read")
    if kernel.code_bytes <= 0 or kernel.alone_code <= 0:
        found.append("has an impossible code_bytes or alone_code")
    found += _expression_complaints(kernel, list(facts))
    return [f"{kernel.name}: {what}" for what in found]


def _expression_complaints(kernel: Kernel, facts: Sequence[Mapping[str, int]]) -> list[str]:
    found = []
    by_core = {}
    for field, texts in {"cost": kernel.cost, "saves_alone": kernel.saves_alone}.items():
        named = {field: texts} if isinstance(texts, str) else {f"{field}.{k}": v for k, v in texts.items()}
        by_core |= named
        if not isinstance(texts, str) and "default" not in texts:
            found.append(f"{field} has no default")
    if not facts:
        return [*found, f"no operator uses kernels of op {kernel.op!r}"]
    for field, text in {"when": kernel.when, "scratch": kernel.scratch, **by_core}.items():
        for given in facts:
            # What a copy saves may be a share of what the kernel takes.
            sample = {**given, "cost": 1} if field.startswith("saves_alone") else given
            try:
                # `and` stops early; every name must be known all the same.
                unknown = _names(text) - sample.keys()
                value = evaluate(text, sample) if not unknown else f"unknown facts {sorted(unknown)}"
            except (ValueError, ZeroDivisionError, SyntaxError) as error:
                value = str(error)
            if isinstance(value, str) or value < 0:
                found.append(f"{field} = {text!r} gives {value}")
                break
    return found


def _names(text: str) -> set[str]:
    tree = ast.parse(text, mode="eval")
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called}


def orphan_sources(kernels: Sequence[Kernel], root: Path) -> list[str]:
    """Kernel files that no row names."""
    listed = {kernel.source for kernel in kernels}
    files = sorted((root / "runtime" / "src").rglob("edgeq_*__*.c"))
    names = (path.relative_to(root / "runtime").as_posix() for path in files)
    return [f"{name} has no row in kernels.toml" for name in names if name not in listed]
