"""edgeq flash: builds firmware, makes the image, calls the tool, and asks the board whether it runs what was sent."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Timer
from typing import Any

from edgeq.boards import Board, Upload, load_board
from edgeq.device import build_firmware
from edgeq.device.ports import AUTO, find_port
from edgeq.errors import BoardError, FlashError, UsageError
from edgeq.flash.images import FORMATS
from edgeq.flash.routes import ROUTES, Job, Route

TOOL_SECONDS = 600
_SHOWN_LINES = 12
_CHIP_ID = re.compile(r"Chip id: 0x([0-9A-Fa-f]+)")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Flashed:
    """What was written, how. flash_bytes: of the image; ram_bytes: data, stack and arena. commands: as called.

    notes: what the user's hands must do, or must have done once.
    """

    board: str
    route: str
    file: Path
    flash_bytes: int
    ram_bytes: int
    notes: list[str]
    commands: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"file": str(self.file)}


def flash(
    folders: Sequence[Path],
    board: Board,
    *,
    port: str = AUTO,
    route: str | None = None,
    out: Path | None = None,
    compiler: str = "auto",
    dry_run: bool = False,
    say: Say = lambda line: None,
) -> Flashed:
    """Builds the firmware of converted folders for a board and writes it by one of the board's routes.

    port: where the boot loader is reached, `auto` for the board's own USB. route: one of the board's, by default the
    first whose tool is installed. out: keeps the files there. say: told every line of the tools. dry_run: builds, and
    calls nothing. FlashError, PortError, and what `build_firmware` raises.
    """
    for folder in folders:
        _check_features(folder, board)
    upload = _choose(board, route, dry_run)
    way = ROUTES[upload.route]
    parameters = _parameters(board, upload)
    notes = [upload.note] if upload.note else []
    if "pack" in parameters:
        notes.append(f"pyocd wants the chip's package once: pyocd pack install {parameters['pack']}")
    for note in notes:
        say(f"note: {note}")
    with tempfile.TemporaryDirectory(prefix="edgeq-flash-") as temporary:
        work = Path(temporary)
        program = build_firmware(folders, board, work / "build", compiler)
        keep = out if out is not None else work
        keep.mkdir(parents=True, exist_ok=True)
        file = keep / f"firmware.{'bin' if way.format == 'esp' else way.format}"
        file.write_bytes(FORMATS[way.format](program.elf, parameters))
        found = Flashed(
            board=board.name,
            route=upload.route,
            file=file,
            flash_bytes=program.text_bytes + program.rodata_bytes + program.data_bytes,
            ram_bytes=program.data_bytes + program.bss_bytes,
            notes=notes,
        )
        where = port
        if port == AUTO and way.needs_port:
            where = "PORT" if dry_run else find_port(board)
        # Files of a dry run that nobody keeps are gone when the command could be called.
        shown = Path(file.name) if dry_run and out is None else file
        job = Job(shown, board.flash.origin if board.flash is not None else 0, where, parameters)
        commands = _write(way, job, board, dry_run, say)
    return replace(found, commands=commands)


def _check_features(folder: Path, board: Board) -> None:
    """Code that was chosen for one processor may use instructions that another lacks."""
    for file in sorted(folder.glob("*.json")):
        manifest = json.loads(file.read_text("utf-8"))
        if manifest.get("name") != file.stem:
            continue
        made_for = load_board(manifest["board"])
        if made_for.is_host or made_for.arch != board.arch or not made_for.features <= board.features:
            raise UsageError(
                f"this model was converted for {made_for.name}, whose code {board.name} does not run",
                hint=f"convert it again with --board {board.name}",
            )


def _choose(board: Board, route: str | None, dry_run: bool) -> Upload:
    """The route that was asked for, or the board's first whose tool is here; for a dry run simply the first."""
    names = [upload.route for upload in board.uploads]
    if not names:
        raise FlashError(f"the file of board {board.name} names no way to write it", hint="give it an [[upload]] table")
    for upload in board.uploads:
        if upload.route not in ROUTES:
            raise BoardError(f"unknown route {upload.route!r}", where=board.name, hint=f"routes: {', '.join(ROUTES)}")
    if route is not None:
        if route not in names:
            raise UsageError(f"{board.name} is not written by {route!r}", hint=f"its routes: {', '.join(names)}")
        return board.uploads[names.index(route)]
    if dry_run:
        return board.uploads[0]
    for upload in board.uploads:
        tool = ROUTES[upload.route].tool
        if find_tool(tool) is not None if tool else find_drive(str(dict(upload.parameters)["volume"])) is not None:
            return upload
    ways = "; ".join(_how(upload) for upload in board.uploads)
    raise FlashError(f"nothing here can write {board.name}", hint=ways)


def _how(upload: Upload) -> str:
    way = ROUTES[upload.route]
    if way.tool:
        return f"{upload.route} needs {way.tool}: {way.install}"
    return f"{upload.route} needs the drive {dict(upload.parameters).get('volume')}: hold the boot button, plug it in"


def _parameters(board: Board, upload: Upload) -> dict[str, str | int]:
    way, given = ROUTES[upload.route], dict(upload.parameters)
    for name in given.keys() - way.parameters.keys():
        raise BoardError(f"upload: route {upload.route} has no parameter {name!r}", where=board.name)
    for name, kind in way.parameters.items():
        if name not in given and name not in way.optional:
            raise BoardError(f"upload: route {upload.route} needs {name!r}", where=board.name)
        if name in given and not isinstance(given[name], kind):
            raise BoardError(f"upload: {name} must be of type {kind.__name__}", where=board.name)
    return given


def find_tool(name: str) -> str | None:
    """The program's path: on the PATH, or beside this Python, where pip puts it."""
    return shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))


def find_drive(volume: str, roots: Iterable[Path] | None = None) -> Path | None:
    """Where the drive of that name is mounted."""
    if roots is None:
        roots = [Path("/Volumes"), *Path("/media").glob("*"), *Path("/run/media").glob("*"), Path("/media")]
        roots = [*roots, *(Path(f"{letter}:/") for letter in "DEFGHIJKLMNOPQRSTUVWXYZ" if sys.platform == "win32")]
    for root in roots:
        if (root / volume).is_dir():
            return root / volume
        notes = root / "INFO_UF2.TXT"  # on Windows drives have letters
        if notes.is_file() and volume in notes.read_text("utf-8", errors="replace"):
            return root
    return None


def _write(way: Route, job: Job, board: Board, dry_run: bool, say: Say) -> list[str]:
    if not way.tool:
        return [_copy(job, dry_run)]
    tool = find_tool(way.tool)
    if tool is None and not dry_run:
        raise FlashError(f"{way.tool} is not installed", hint=way.install)
    calls = way.commands(job)
    lines = [shlex.join([way.tool, *arguments]) for arguments in calls]
    if tool is None or dry_run:
        return lines
    if way.check is not None:
        seen = _CHIP_ID.search(_run([tool, *way.check(job)], say))
        wanted = int(job.parameters["chip_id"])
        if seen is None or int(seen[1], 16) != wanted:
            raise FlashError(
                f"this is not the chip of {board.name}: {f'0x{seen[1]}' if seen else 'no id'} instead of {wanted:#x}",
                hint="nothing was written; is it another board? (edgeq boards)",
            )
    for arguments in calls:
        _run([tool, *arguments], say)
    return lines


def _copy(job: Job, dry_run: bool) -> str:
    volume = str(job.parameters["volume"])
    drive = find_drive(volume)
    if drive is None:
        if dry_run:
            return shlex.join(["cp", str(job.file), f"{volume}/"])
        raise FlashError(f"the drive {volume} is not there", hint="hold the boot button while you plug the board in")
    if not dry_run:
        try:
            shutil.copyfile(job.file, drive / job.file.name)
        except OSError as error:
            raise FlashError(f"cannot copy the firmware: {error.strerror}", where=str(drive)) from error
    return shlex.join(["cp", str(job.file), str(drive)])


def _run(command: Sequence[str], say: Say) -> str:
    """The tool's output; FlashError with its last lines when it fails, or hangs for TOOL_SECONDS."""
    said: list[str] = []
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise FlashError(f"cannot start {command[0]}: {error.strerror}") from error
    late = Timer(TOOL_SECONDS, process.kill)
    late.start()
    try:
        assert process.stdout is not None
        with process.stdout as stream:
            for line in stream:
                said.append(line.rstrip())
                say(said[-1])
        code = process.wait()
    finally:
        late.cancel()
    if code != 0:
        last = "\n".join(f"    {line}" for line in _without_traceback(said)[-_SHOWN_LINES:])
        raise FlashError(
            f"{Path(command[0]).name} failed (exit code {code}):\n{last}\n  command: {shlex.join(command)}"
        )
    return "\n".join(said)


def _without_traceback(lines: Sequence[str]) -> list[str]:
    """What a tool said, and of an exception only what it says."""
    kept: list[str] = []
    inside = False
    for line in lines:
        if line.startswith("Traceback "):
            inside = True
        elif inside and line and not line.startswith(" "):
            inside = False
        if not inside:
            kept.append(line)
    return kept
