"""The boards that come with edgeq, by name."""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path

from edgeq import resources
from edgeq.boards.model import Board
from edgeq.boards.read import read_board
from edgeq.errors import BoardError


@cache
def _known() -> dict[str, Board]:
    boards = [read_board(path) for path in sorted(resources.boards_dir().glob("*.toml"))]
    return {name: board for board in boards for name in (board.name, *board.aliases)}


def list_boards() -> list[Board]:
    """All boards that come with edgeq, by name, each once."""
    return sorted({board.name: board for board in _known().values()}.values(), key=lambda board: board.name)


def list_cores() -> list[Board]:
    """The generic ones among them: one per processor, which all others have as their `core`; and the host."""
    return [board for board in list_boards() if not board.core]


def load_board(name_or_path: str | Path) -> Board:
    """A board by name or alias, or from the user's own file when the argument ends in .toml."""
    text = str(name_or_path)
    if text.endswith(".toml"):
        return read_board(Path(text))
    known = _known()
    if text in known:
        return known[text]
    close = difflib.get_close_matches(text.lower(), known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise BoardError(
        f"there is no board {text!r}",
        hint=f"{hint}boards: {', '.join(sorted(known))}; or give the path of a .toml file",
    )
