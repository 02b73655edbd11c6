"""Judges two measurements of one network."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from edgeq.errors import RegressionError
from edgeq.snapshot.content import Layer, Snapshot

SHOWN_DIGITS = 12
"""Digits of a hash that a person needs to tell two apart."""


@dataclass(frozen=True)
class Change:
    """Something that differs. layer: its name, or None for the whole model. percent: None where it has no meaning."""

    what: str
    layer: str | None
    was: int | str | None
    now: int | str | None
    percent: float | None = None


@dataclass
class Check:
    """What a check found. costs_compared: whether the compiler is the snapshot's own.

    violations: what fails the check. improvements: costs that fell beyond their tolerance. notes: what to know besides.
    """

    file: str
    name: str
    board: str
    compiler: str
    samples: int
    costs_compared: bool = True
    violations: list[Change] = field(default_factory=list)
    improvements: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether everything that the snapshot says still holds."""
        return not self.violations

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return {"passed": self.passed, **asdict(self)}

    def raise_if_failed(self) -> None:
        """Raises RegressionError when something no longer holds."""
        if self.violations:
            count = len(self.violations)
            text = f"{count} {'thing' if count == 1 else 'things'} that the snapshot promises of {self.name}"
            raise RegressionError(f"{text} no longer hold{'s' if count == 1 else ''}", where=self.file)


def compare(was: Snapshot, now: Snapshot, file: str = "", *, strict: bool = False) -> Check:
    """Every difference between a snapshot and a new measurement, judged by the snapshot's tolerances.

    strict: another compiler than the snapshot's is a violation; it is a note otherwise.
    """
    found = Check(file, now.name, now.board, now.compiler, len(now.outputs))
    if was.model != now.model:
        hashes = f"SHA-256 was {was.model[:SHOWN_DIGITS]}.., is {now.model[:SHOWN_DIGITS]}.."
        found.notes.append(f"the model file is another: {hashes}")
    if was.optimize != now.optimize:
        found.notes.append(f"converted with --optimize {now.optimize}; the snapshot: --optimize {was.optimize}")
    _compare_bits(found, was, now)
    if was.compiler == now.compiler:
        _compare_costs(found, was, now)
        return found
    found.costs_compared = False
    found.notes.append(f"costs are not compared: built with {now.compiler}; the snapshot: {was.compiler}")
    if strict:
        found.violations.append(Change("compiler", None, was.compiler, now.compiler))
    return found


def _compare_bits(found: Check, was: Snapshot, now: Snapshot) -> None:
    for sample, (before, after) in enumerate(zip(was.outputs, now.outputs, strict=True)):
        if before != after:
            short = before[:SHOWN_DIGITS], after[:SHOWN_DIGITS]
            found.violations.append(Change(f"output bits of sample {sample}", None, *short))
    for layer, old in _pairs(was, now):
        if layer.output != old.output:
            # Later layers differ because this one does.
            what = "output bits, the first layer to differ"
            found.violations.append(Change(what, layer.name, old.output, layer.output))
            return


def _compare_costs(found: Check, was: Snapshot, now: Snapshot) -> None:
    limit = was.tolerance.instructions
    _judge(found, "instructions", None, was.instructions, now.instructions, limit)
    for layer, old in _pairs(was, now):
        _judge(found, "instructions", layer.name, old.instructions, layer.instructions, limit)
        if layer.kernel != old.kernel:
            found.notes.append(f"{layer.name}: kernel was {old.kernel}, is {layer.kernel}")
    gone = [layer.name for layer in was.layers if layer.name not in {new.name for new in now.layers}]
    come = [layer.name for layer in now.layers if layer.name not in {old.name for old in was.layers}]
    found.notes += [f"{name}: a layer of the snapshot that is no longer there" for name in gone]
    found.notes += [f"{name}: a layer that the snapshot does not have" for name in come]
    for name, size in was.sizes.items():
        _judge(found, name, None, size, now.sizes.get(name), was.tolerance.sizes)


def _pairs(was: Snapshot, now: Snapshot) -> list[tuple[Layer, Layer]]:
    """(new, old) of layers with the same name, in the new order; a repeated name pairs in order."""
    before: dict[str, list[Layer]] = {}
    for layer in was.layers:
        before.setdefault(layer.name, []).append(layer)
    return [(layer, before[layer.name].pop(0)) for layer in now.layers if before.get(layer.name)]


def _judge(found: Check, what: str, layer: str | None, was: int | None, now: int | None, limit: float) -> None:
    if was is None or now is None or was == now:
        return
    percent = None if was == 0 else round(100 * (now - was) / was, 3)
    change = Change(what, layer, was, now, percent)
    if now * 100 > was * (100 + limit):
        found.violations.append(change)
    elif now * 100 < was * (100 - limit):
        found.improvements.append(change)
