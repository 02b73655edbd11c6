"""The snapshot's file: TOML in a fixed order, so that a diff of two shows what changed and nothing else."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeq.errors import UsageError
from edgeq.snapshot.content import Layer, Snapshot, Tolerance

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FORMAT = 1
"""Version of the file's format; raised when an older reader would misread it."""

LARGEST_FILE = 4 << 20
MOST_SAMPLES = 1000
HEX_LINE = 96

_ANEW = "delete it and take a new one with edgeq snapshot FOLDER"

_HEADER = """\
# What {name} computes and costs on {board}, measured by `edgeq snapshot`; `edgeq check` fails when it no longer holds.
# The tolerances may be edited: percent by which a cost may grow. Output bits have none.
# Instructions and layers are those of the first sample.
"""


def snapshot_text(snapshot: Snapshot) -> str:
    """The text of the file. No date, no path: the same measurement gives the same text."""
    lines = [_HEADER.format(name=_plain(snapshot.name), board=_plain(snapshot.board)), f"snapshot = {FORMAT}"]
    lines += _values({"name": snapshot.name, "board": snapshot.board, "optimize": snapshot.optimize})
    lines += _values({"model_sha256": snapshot.model, "edgeq": snapshot.edgeq, "compiler": snapshot.compiler})
    lines += ["", "[tolerance]"]
    lines += _values({"instructions": snapshot.tolerance.instructions, "sizes": snapshot.tolerance.sizes})
    lines += ["", "[inputs]"]
    if snapshot.vectors is None:
        lines.append(f"seed = {snapshot.seed}")
    else:
        lines += ["hex = [", *(line for vector in snapshot.vectors for line in _hex(vector)), "]"]
    lines += ["", "[outputs]", "sha256 = [", *(f"  {_text(output)}," for output in snapshot.outputs), "]"]
    lines += ["", "[cost]", *_values({"instructions": snapshot.instructions, **snapshot.sizes})]
    for layer in snapshot.layers:
        lines += ["", "[[layer]]"]
        lines += _values({"name": layer.name, "op": layer.op, "kernel": layer.kernel})
        lines += _values({"instructions": layer.instructions, "output": layer.output})
    return "\n".join(lines) + "\n"


def _values(pairs: Mapping[str, Any]) -> list[str]:
    """`key = value`; what is not known is left out."""
    return [f"{key} = {_text(v) if isinstance(v, str) else v}" for key, v in pairs.items() if v is not None]


def _text(value: str) -> str:
    """A basic string of TOML."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04X}" for c in escaped) + '"'


def _plain(value: str) -> str:
    return "".join(c for c in value if c.isprintable())


def _hex(vector: bytes) -> list[str]:
    """One vector as a string, over several lines when it is long."""
    digits = vector.hex()
    if len(digits) <= HEX_LINE:
        return [f'  "{digits}",']
    rows = [digits[i : i + HEX_LINE] for i in range(0, len(digits), HEX_LINE)]
    return ['  """\\', *(f"  {row}\\" for row in rows), '  """,']


def read_snapshot(path: Path) -> Snapshot:
    """Reads a file that `snapshot_text` wrote and a person may have edited. Raises UsageError naming the key."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UsageError("this is too large to be a snapshot", where=str(path))
        data = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError("no such snapshot", where=str(path), hint="take one with edgeq snapshot FOLDER") from None
    except OSError as error:
        raise UsageError(f"the snapshot cannot be read: {error.strerror}", where=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"not a TOML file: {error}", where=str(path)) from None
    return _Reader(path).snapshot(data)


class _Reader:
    """Takes typed values out of the parsed file; every complaint names the file and the key."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def snapshot(self, data: Mapping[str, Any]) -> Snapshot:
        if data.get("snapshot") != FORMAT:
            found = data.get("snapshot")
            raise UsageError(
                f"not a snapshot of this edgeq: `snapshot` is {found!r}, not {FORMAT}",
                where=str(self._path),
                hint=_ANEW,
            )
        tolerance, cost = self._table(data, "tolerance"), self._table(data, "cost")
        outputs = self._texts(self._table(data, "outputs"), "sha256")
        inputs = self._table(data, "inputs")
        vectors = self._vectors(inputs) if "hex" in inputs else None
        if not 1 <= len(outputs) <= MOST_SAMPLES:
            raise self._wrong("outputs.sha256", f"must have 1 to {MOST_SAMPLES} entries")
        if vectors is not None and len(vectors) != len(outputs):
            raise self._wrong("inputs.hex", f"has {len(vectors)} entries, outputs.sha256 has {len(outputs)}")
        layers = data.get("layer", [])
        if not isinstance(layers, list):
            raise self._wrong("layer", "must be a list of tables")
        sizes = ("text_bytes", "rodata_bytes", "arena_bytes", "stack_bytes")
        return Snapshot(
            edgeq=self._text(data, "edgeq"),
            name=self._text(data, "name"),
            model=self._text(data, "model_sha256"),
            board=self._text(data, "board"),
            optimize=self._text(data, "optimize"),
            compiler=self._text(data, "compiler"),
            outputs=outputs,
            instructions=self._count(cost, "instructions"),
            sizes={key: self._count(cost, key) for key in sizes},
            layers=[self._layer(layer) for layer in layers],
            seed=self._count(inputs, "seed") or 0,
            vectors=vectors,
            tolerance=Tolerance(self._percent(tolerance, "instructions"), self._percent(tolerance, "sizes")),
        )

    def _layer(self, layer: Any) -> Layer:
        if not isinstance(layer, dict):
            raise self._wrong("layer", "must be a list of tables")
        name, op, kernel, output = (self._text(layer, key) for key in ("name", "op", "kernel", "output"))
        return Layer(name, op, kernel, self._count(layer, "instructions"), output)

    def _wrong(self, key: str, problem: str) -> UsageError:
        return UsageError(f"{key}: {problem}", where=str(self._path), hint=_ANEW)

    def _table(self, data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        table = data.get(key, {})
        if not isinstance(table, dict):
            raise self._wrong(key, "must be a table")
        return table

    def _text(self, data: Mapping[str, Any], key: str) -> str:
        value = data.get(key)
        if not isinstance(value, str):
            raise self._wrong(key, "missing" if value is None else f"must be a text, not {value!r}")
        return value

    def _texts(self, data: Mapping[str, Any], key: str) -> list[str]:
        values = data.get(key)
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise self._wrong(key, "must be a list of texts")
        return list(values)

    def _vectors(self, inputs: Mapping[str, Any]) -> list[bytes]:
        try:
            return [bytes.fromhex(value) for value in self._texts(inputs, "hex")]
        except ValueError:
            raise self._wrong("inputs.hex", "must hold hexadecimal digits") from None

    def _count(self, data: Mapping[str, Any], key: str) -> int | None:
        value = data.get(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._wrong(key, f"must be a whole number, not {value!r}")
        return value

    def _percent(self, data: Mapping[str, Any], key: str) -> float:
        value = data.get(key, 1.0)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
            raise self._wrong(f"tolerance.{key}", f"must be a percentage of 0 or more, not {value!r}")
        return float(value)
