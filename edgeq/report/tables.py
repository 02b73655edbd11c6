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
from dataclasses import dataclass
from pathlib import Path

from edgeq.boards import FEATURES, Board, Memory, list_boards
from edgeq.errors import EdgeqError, UsageError
from edgeq.kernels import Kernel, kernels
from edgeq.ops import Operator, operators

_PLACE = re.compile(r"<!-- table:(?P<name>[a-z_]+) -->\n(?P<body>.*?)<!-- /table:(?P=name) -->", re.DOTALL)
_OPENING = re.compile(r"<!-- table:([a-z_]+) -->")


_KERNEL = re.compile(
    r"edgeq_(?P<op>[a-z][a-z0-9_]*?)_a(?P<bits>[0-9]+)(?:_w(?P<weights>[a-z]*[0-9][a-z0-9]*))?"
    r"(?:_(?P<shape>[a-z0-9]+(?:_[a-z0-9]+)*?))?__(?P<isa>[a-z0-9]+)"
)


@dataclass(frozen=True)
class KernelName:
    """The parts of `edgeq_<op>_a<bits>_w<format>[_<shape>]__<isa>`; operators without weights leave `_w` out."""

    op: str
    activation_bits: int
    weights: str | None
    shape: str | None
    isa: str

    @property
    def formats(self) -> str:
        """Activations and weights as they stand in the name: a8_w8, a8_wq4."""
        return f"a{self.activation_bits}" + (f"_w{self.weights}" if self.weights else "")


def parse_kernel_name(name: str) -> KernelName:
    """Raises ValueError for a name that does not follow the grammar."""
    match = _KERNEL.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} does not read edgeq_<op>_a<bits>_w<format>[_<shape>]__<isa>")
    return KernelName(match["op"], int(match["bits"]), match["weights"], match["shape"], match["isa"])


def operator_table(rows: Sequence[Operator], kernel_rows: Sequence[Kernel]) -> str:
    """Operators by number formats: each cell lists the instruction sets that have a kernel of their own."""
    names = [(kernel, parse_kernel_name(kernel.name)) for kernel in kernel_rows]
    formats = sorted({name.formats for _, name in names}, key=lambda f: (len(f), f))
    lines = []
    for row in rows:
        if row.is_view or not row.lowers_to_integers:
            what = "no code" if row.is_view else "gone before the C"
            lines.append([f"`{row.name}`", row.summary, *([what] if formats else []), *[""] * (len(formats) - 1)])
            continue
        cells = []
        for wanted in formats:
            isas = sorted({n.isa for k, n in names if k.op == row.kernels and n.formats == wanted})
            cells.append(", ".join(isas))
        lines.append([f"`{row.name}`", row.summary, *cells])
    return markdown(["operator", "reads", *formats], lines)


def kernel_table(rows: Sequence[Kernel]) -> str:
    """Every kernel with what it asks of the core and of the layer."""
    return markdown(
        ["kernel", "core must have", "for layers with"],
        [[f"`{k.name}`", ", ".join(k.isa), "" if k.when == "1" else f"`{k.when}`"] for k in rows],
    )


def board_table(rows: Sequence[Board]) -> str:
    """Boards, their processors and what runs them."""

    def size(memory: Memory | None) -> str:
        return "" if memory is None else f"{memory.bytes // 1024} KB"

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
                size(board.flash),
                size(board.ram),
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


TABLES: Mapping[str, Callable[[], str]] = {
    "operators": lambda: operator_table(operators(), kernels()),
    "kernels": lambda: kernel_table(kernels()),
    "boards": lambda: board_table(list_boards()),
    "exit_codes": exit_code_table,
    "onnx": onnx_table,
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
