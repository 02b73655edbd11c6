"""Writes the output folder: all of it or nothing."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgeq import resources
from edgeq.contract import PROJECT_MARKER
from edgeq.emit.manifest import build_manifest
from edgeq.emit.model import model_context
from edgeq.emit.sources import runtime_files
from edgeq.emit.specialised import specialised_files
from edgeq.errors import UsageError
from edgeq.ir.graph import Graph
from edgeq.ir.serialize import save_graph
from edgeq.kernels.select import Choice
from edgeq.plan.memory import Plan
from edgeq.templates import environment

_RUNTIME = "edgeq"
_COMMON_HEADERS = (
    "edgeq/edgeq_compiler.h",
    "edgeq/edgeq_contract.h",
    "edgeq/edgeq_status.h",
    "edgeq/edgeq_step.h",
)


def _call_template(family: str) -> str:
    """The family's own call site where it has one, the common one otherwise."""
    own = f"ops/{family}.c.j2"
    return own if own in environment().list_templates() else "ops/call.c.j2"


def render_files(
    graph: Graph, plan: Plan, choices: Mapping[int, Choice], facts: Mapping[str, Any]
) -> tuple[dict[str, str], dict[str, Any]]:
    """(text by path in the output folder, manifest). Pure: touches no file but templates and runtime sources."""
    name = facts["name"]
    manifest = build_manifest(graph, plan, choices, facts, {})
    context, sizes = model_context(plan, choices, name, manifest)
    manifest = build_manifest(graph, plan, choices, facts, sizes)
    for step in context["steps"]:
        step["call"] = environment().get_template(_call_template(step["family"])).render(step=step).strip()
    files = {
        f"{_RUNTIME}/{path}": (resources.runtime_dir() / path).read_text("utf-8")
        for path in runtime_files(
            {choices[id(n)].kernel.source for n in plan.steps}, (*context["headers"], *_COMMON_HEADERS)
        )
    }
    files |= {f"{_RUNTIME}/{path}": text for path, text in specialised_files(context, manifest).items()}
    manifest["sources"] = [f"{name}.c", f"{name}_weights.c", *sorted(p for p in files if p.endswith(".c"))]
    manifest["include_dirs"] = [".", f"{_RUNTIME}/include"]
    page = {"model": context, "manifest": manifest}
    for template, path in (
        ("model.h.j2", f"{name}.h"),
        ("model.c.j2", f"{name}.c"),
        ("weights.h.j2", f"{name}_weights.h"),
        ("weights.c.j2", f"{name}_weights.c"),
        ("CMakeLists.txt.j2", "CMakeLists.txt"),
        ("Makefile.j2", "Makefile"),
    ):
        files[path] = environment().get_template(template).render(page)
    return files, manifest


def _is_conversion(folder: Path) -> bool:
    return (folder / "verify" / "graph.npz").is_file()


@contextmanager
def staged_folder(out: Path, replaces: Callable[[Path], bool] = _is_conversion) -> Iterator[Path]:
    """A new folder beside `out` that takes the place of `out` when the block ends without an error.

    An existing `out` is replaced only when it holds nothing, or what `replaces` knows: an earlier conversion. Nothing
    is replaced inside a project, which has files of its own among those of the conversion. Raises UsageError otherwise.
    """
    if out.exists() and not out.is_dir():
        raise UsageError("the output path is a file", where=str(out), hint="choose another folder with -o")
    if any((parent / PROJECT_MARKER).exists() for parent in (out.absolute(), *out.absolute().parents)):
        raise UsageError("the output folder is in a project", where=str(out), hint="convert with --project again")
    if out.exists() and any(out.iterdir()) and not replaces(out):
        raise UsageError(
            "the output folder holds other files", where=str(out), hint="choose an empty or new folder with -o"
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except OSError as error:
        raise UsageError(f"cannot write there: {error.strerror}", where=str(out)) from None
    try:
        yield staging
        staging.chmod(0o755)
        if out.exists():
            shutil.rmtree(out)
        staging.rename(out)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def write_folder(
    folder: Path,
    files: Mapping[str, str],
    manifest: Mapping[str, Any],
    graph: Graph,
    *,
    real: Graph | None,
    original: Path,
    whole: Graph | None = None,
) -> None:
    """Writes the C, the manifest, and under verify/ what verification needs: graphs and a copy of the original.

    real: the float network that edgeq quantized. whole: the network in one piece, where `graph` runs in patches.
    """
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8", newline="\n")
    (folder / f"{manifest['name']}.json").write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
    (folder / "verify").mkdir()
    save_graph(graph, folder / "verify" / "graph.npz")
    for name, other in (("real", real), ("whole", whole)):
        if other is not None:
            save_graph(other, folder / "verify" / f"{name}.npz")
    shutil.copyfile(original, folder / "verify" / f"original{original.suffix}")
