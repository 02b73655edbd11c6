"""The error tree: what went wrong, where, what to do, and the exit code the command line returns for it.

Exit codes are stable: scripts may rely on them.
"""

from __future__ import annotations

from collections.abc import Sequence


class EdgeqError(Exception):
    """Base of every error that a user can cause or meet.

    message: what is wrong, one sentence. where: file, node, opset or line. hint: what to do about it.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class UsageError(EdgeqError):
    """An argument or option that makes no sense (exit code 2, as command lines have it)."""

    exit_code = 2


class ModelFileError(EdgeqError):
    """The model file cannot be read: missing, truncated, corrupt, or not of a known format."""

    exit_code = 3


class UnsupportedError(EdgeqError):
    """The model is well-formed but uses what edgeq cannot convert; `problems` lists all of it."""

    exit_code = 4

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        hint: str | None = None,
        problems: Sequence[str] = (),
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        listed = "".join(f"\n  - {problem}" for problem in self.problems)
        return text + listed + (f"\n  hint: {self.hint}" if self.hint else "")


class ModelDataError(EdgeqError):
    """The model's numbers cannot be used: NaN weights, zero scales, accumulators that may overflow."""

    exit_code = 5


class CalibrationError(EdgeqError):
    """Calibration or input data is missing, of the wrong shape or type, or not finite."""

    exit_code = 6


class BoardError(EdgeqError):
    """An unknown board, or a board file with a wrong field."""

    exit_code = 7


class CapacityError(EdgeqError):
    """The build does not fit the board's flash or RAM."""

    exit_code = 8


class ToolchainError(EdgeqError):
    """A compiler is missing or refused the code."""

    exit_code = 9


class EmulationError(EdgeqError):
    """The program crashed, hung, or used an instruction that its core lacks."""

    exit_code = 10


class VerificationError(EdgeqError):
    """Two executions that must give the same bits did not."""

    exit_code = 11


class RegressionError(EdgeqError):
    """A snapshot no longer holds: bits changed, or a cost grew beyond its tolerance."""

    exit_code = 12


class PortError(EdgeqError):
    """The board's port cannot be found or opened: missing, busy, forbidden, or one of several."""

    exit_code = 20


class NoAnswerError(EdgeqError):
    """The board did not answer in time: no firmware, a silent line, or one that went dead."""

    exit_code = 21


class GarbledLinkError(EdgeqError):
    """Bytes came from the board, but no frames: another baud rate, or firmware that does not speak the protocol."""

    exit_code = 22


class WrongFirmwareError(EdgeqError):
    """The board runs another model, another version of the protocol, or another ABI."""

    exit_code = 23


class DeviceResetError(EdgeqError):
    """The board started anew in the middle of a session."""

    exit_code = 24


class LinkLostError(EdgeqError):
    """The port went away in the middle of a session: a cable pulled, a connection closed."""

    exit_code = 25


class DeviceError(EdgeqError):
    """The board refused a request, or its model reported an error."""

    exit_code = 26


class FlashError(EdgeqError):
    """Firmware could not be written: no route, a missing tool, another chip, or a tool that failed."""

    exit_code = 27


class InternalError(EdgeqError):
    """edgeq broke one of its own rules (a pass left an illegal graph); always a bug to report."""

    exit_code = 70
