"""The registries as Markdown tables, and their places in the documentation.

A page holds a table between two comments, and a test compares what stands there with the registries:

    <!-- table:boards -->
    <!-- /table:boards -->

`python -m edgeq.report.tables README.md docs/*.md` (or `make docs`) writes the tables anew.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from edgeq.boards import FEATURES, Board, list_boards
from edgeq.errors import EdgeqError, UsageError
from edgeq.kernels import Kernel, kernels
from edgeq.ops import Operator, operators
from edgeq.projects import projects
from edgeq.quant.calibration import CALIBRATIONS
from edgeq.quant.methods.registry import PRESETS, methods

_PLACE = re.compile(r"<!-- table:(?P<name>[a-z_]+) -->\n(?P<body>.*?)<!-- /table:(?P=name) -->", re.DOTALL)
_OPENING = re.compile(r"<!-- table:([a-z_]+) -->")


def operator_table(rows: Sequence[Operator], kernel_rows: Sequence[Kernel]) -> str:
    """Operators by activations and weights: each cell lists the weight formats and the instruction sets of kernels."""
    lines = []
    for row in rows:
        if row.is_view or not row.lowers_to_integers:
            lines.append([f"`{row.name}`", row.summary, "no code" if row.is_view else "gone before the C", ""])
            continue
        own = [k for k in kernel_rows if k.op == row.kernels]
        plain = [k for k in own if k.parts.activations in ("a8", "a16", "a32")]
        small = [k for k in own if k not in plain]
        lines.append([f"`{row.name}`", row.summary, _formats(plain), _formats(small)])
    return markdown(["operator", "reads", "int8 and int16 activations", "smaller activations"], lines)


def _formats(rows: Sequence[Kernel]) -> str:
    """Weight formats and their instruction sets, by the activations with which they go.

    `w8 (c, dsp), w4 (c)` for int8; `a1 a2 with w1 (c, rvzbb), wp2 (c)` for activations that kernels are made for.
    """
    by_activations: dict[str, dict[str, set[str]]] = {}
    for kernel in rows:
        name = kernel.parts
        cell = by_activations.setdefault(name.activations, {})
        cell.setdefault(name.weights or name.activations, set()).add(name.isa)
    groups: dict[str, list[str]] = {}
    for activations in sorted(by_activations, key=lambda text: (len(text), text)):
        sets = by_activations[activations]
        order = sorted(sets, key=lambda text: (len(text), text))
        text = ", ".join(f"{weights} ({', '.join(sorted(sets[weights]))})" for weights in order)
        groups.setdefault(text if activations not in sets else f"({', '.join(sorted(sets[activations]))})", []).append(
            activations
        )
    named = {"ax": "any"}
    parts = []
    for text, together in groups.items():
        who = " ".join(named.get(a, a) for a in together)
        if text.startswith("("):
            parts.append(f"{who} {text}")
        else:
            parts.append(text if together == ["a8"] else f"{who} with {text}")
    return "; ".join(parts)


def kernel_table(rows: Sequence[Kernel]) -> str:
    """Every kernel with what it asks of the core and of the layer."""
    return markdown(
        ["kernel", "core must have", "for layers with"],
        [[f"`{k.name}`", ", ".join(k.isa), "" if k.when == "1" else f"`{k.when}`"] for k in rows],
    )


def board_table(rows: Sequence[Board]) -> str:
    """Boards, their processors and what runs them."""

    def size(count: int | None) -> str:
        return "" if count is None else f"{count // 1024} KB"

    def compilers(board: Board) -> str:
        if board.is_host:
            return "gcc, clang, zig"
        return ", ".join(n for n, t in (("zig", board.zig), ("gcc", board.gcc)) if t is not None)

    def emulators(board: Board) -> str:
        if board.is_host:
            return "runs natively"
        return ", ".join(n for n, t in (("Unicorn", board.unicorn), ("QEMU", board.qemu)) if t is not None)

    return markdown(
        ["board", "processor", "features", "flash", "RAM", "compilers", "emulators"],
        [
            [
                " ".join(f"`{name}`" for name in (board.name, *board.aliases)),
                board.cpu,
                ", ".join(f for f in FEATURES if f in board.features),
                size(board.flash_bytes),
                size(board.ram_bytes),
                compilers(board),
                emulators(board),
            ]
            for board in rows
        ],
    )


def exit_code_table() -> str:
    """What each exit code of the command line means."""

    def family(error: type[EdgeqError]) -> Iterator[type[EdgeqError]]:
        for child in error.__subclasses__():
            if child.__module__ == EdgeqError.__module__:
                yield child
                yield from family(child)

    lines = [["0", "", "Done."]]
    for error in sorted(family(EdgeqError), key=lambda e: e.exit_code):
        meaning = (error.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
        lines.append([str(error.exit_code), f"`{error.__name__}`", re.sub(r"\s+", " ", meaning)])
    return markdown(["exit code", "in Python", "meaning"], lines)


def onnx_table() -> str:
    """The ONNX operators that can be converted."""
    from edgeq.frontends.onnx.rows import supported

    domains = sorted({domain for domain, _ in supported()})
    return markdown(
        ["domain", "operators"],
        [[d or "ai.onnx", ", ".join(f"`{name}`" for domain, name in supported() if domain == d)] for d in domains],
    )


def device_table(rows: Sequence[Board]) -> str:
    """Boards that can be talked to: their line, the clock, the ways to write them, and what ran their firmware."""

    def tried(board: Board) -> str:
        if board.qemu is not None:
            return f"QEMU's `{board.qemu.machine.partition(',')[0]}`"
        return "a model of its chip" if board.unicorn is not None else "linked only"

    def hertz(value: int) -> str:
        return f"{value / 1_000_000:g} MHz"

    talking = [(board, board.serial, board.ticks) for board in rows]
    return markdown(
        ["board", "core", "serial port", "ticks", "written by", "firmware was tried in"],
        [
            [
                f"`{board.name}`",
                board.core,
                f"{serial.driver}, {serial.baud}",
                f"{ticks.driver}, {hertz(ticks.hz)}",
                ", ".join(upload.route for upload in board.uploads),
                tried(board),
            ]
            for board, serial, ticks in talking
            if serial is not None and ticks is not None
        ],
    )


def route_table() -> str:
    """Ways to write firmware."""
    from edgeq.flash import ROUTES

    return markdown(
        ["route", "through", "tool", "how to get it", "parameters"],
        [
            [f"`{name}`", way.summary, way.tool or "none", way.install, ", ".join(f"`{p}`" for p in way.parameters)]
            for name, way in ROUTES.items()
        ],
    )


def method_table() -> str:
    """Methods of quantization in the order in which they run, and the sets that name them."""
    rows = [
        [
            f"`{m.name}`",
            m.summary,
            ", ".join(f"`{name}`" for name, names in PRESETS.items() if m.name in names),
            "torch" if m.learns else "",
            m.source,
        ]
        for m in methods().values()
    ]
    return markdown(["`--method`", "what it does", "in", "needs", "source"], rows)


def calibration_table() -> str:
    """The ways to choose the range of an activation."""
    rows = [[f"`{row.name}`", row.summary, row.source] for row in CALIBRATIONS.values()]
    return markdown(["`--calibration`", "range", "source"], rows)


TABLES: Mapping[str, Callable[[], str]] = {
    "methods": method_table,
    "calibrations": calibration_table,
    "operators": lambda: operator_table(operators(), kernels()),
    "kernels": lambda: kernel_table(kernels()),
    "boards": lambda: board_table(list_boards()),
    "devices": lambda: device_table(list_boards()),
    "routes": route_table,
    "exit_codes": exit_code_table,
    "onnx": onnx_table,
    "projects": lambda: markdown(
        ["kind", "what", "built by", "the model lies in"],
        [[f"`{row.name}`", row.summary, row.tool, f"`{row.model}`"] for row in projects()],
    ),
    "project_checks": lambda: markdown(["kind", "checked"], [[f"`{row.name}`", row.checked] for row in projects()]),
}
"""Name in the comment -> the table as the registries have it now."""


def render_all() -> dict[str, str]:
    """Every table by its name."""
    return {name: render() for name, render in TABLES.items()}


def markdown(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; bars inside cells are escaped."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def stale_tables(text: str, tables: Mapping[str, str]) -> list[str]:
    """One sentence per table of a page that differs from the registries, is unknown, or is not closed."""
    complaints = []
    opened = _OPENING.findall(text)
    places = {match["name"]: match["body"] for match in _PLACE.finditer(text)}
    for name in opened:
        if name not in tables:
            complaints.append(f"table {name!r} is not known; there are: {', '.join(sorted(tables))}")
        elif name not in places:
            complaints.append(f"table {name!r} is not closed by <!-- /table:{name} -->")
        elif places[name] != tables[name]:
            complaints.append(f"table {name!r} differs from the registries; run `make docs`")
    return complaints


def rewrite(text: str, tables: Mapping[str, str]) -> str:
    """The page with every table as the registries have it. Raises UsageError for one that is not known."""

    def fresh(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in tables:
            raise UsageError(f"there is no table {name!r}", hint=f"tables: {', '.join(sorted(tables))}")
        return f"<!-- table:{name} -->\n{tables[name]}<!-- /table:{name} -->"

    return _PLACE.sub(fresh, text)


def main(arguments: Sequence[str]) -> None:
    """Rewrites the tables of the pages named."""
    tables = render_all()
    for argument in arguments:
        page = Path(argument)
        text = page.read_text("utf-8")
        fresh = rewrite(text, tables)
        if fresh != text:
            page.write_text(fresh, "utf-8", newline="\n")
            print(f"{page}: tables rewritten")


if __name__ == "__main__":
    main(sys.argv[1:])
