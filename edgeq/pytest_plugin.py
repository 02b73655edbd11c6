"""Puts converted networks under test in a firmware's own pytest run; see docs/regression-tests.md.

Loaded in every pytest run of an environment that has edgeq, therefore everything heavy is imported on use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from edgeq.snapshot import Check

EdgeqCheck = Callable[..., "Check"]
"""`edgeq_check(folder, snapshot=None, *, strict=False) -> Check`."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the ini option `edgeq_networks`."""
    parser.addini(
        "edgeq_networks",
        "networks to check, one a line: FOLDER SNAPSHOT, both relative to the root directory",
        type="linelist",
        default=[],
    )


@pytest.fixture(scope="session")
def edgeq_check(pytestconfig: pytest.Config) -> EdgeqCheck:
    """Fails the test when the converted network in a folder no longer does, or costs, what its snapshot says.

    Paths are relative to pytest's root directory. The snapshot is FOLDER.snapshot.toml unless given.
    """

    def check(folder: str | Path, snapshot: str | Path | None = None, *, strict: bool = False) -> Check:
        return _check(pytestconfig.rootpath, folder, snapshot, strict)

    return check


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collects the snapshots that `edgeq_networks` lists."""
    for line in parent.config.getini("edgeq_networks"):
        folder, _, snapshot = line.strip().rpartition(" ")
        if not folder:
            raise pytest.UsageError(f"edgeq_networks: {line!r} is not of the form FOLDER SNAPSHOT")
        if (parent.config.rootpath / snapshot).resolve() == file_path.resolve():
            collector: pytest.Collector = _Snapshot.from_parent(parent, path=file_path, folder=folder.strip())
            return collector
    return None


class _Snapshot(pytest.File):
    """One snapshot file and the folder that it watches."""

    def __init__(self, *, folder: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.folder = folder

    def collect(self) -> Iterator[pytest.Item]:
        yield _Network.from_parent(self, name=self.folder)


class _Network(pytest.Item):
    """The check of one network."""

    def runtest(self) -> None:
        _check(self.config.rootpath, self.name, self.path, strict=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"edgeq check {self.name}"


def _check(root: Path, folder: str | Path, snapshot: str | Path | None, strict: bool) -> Check:
    from edgeq.errors import EdgeqError
    from edgeq.pipeline import open_result
    from edgeq.report.checked import render_check
    from edgeq.snapshot import check

    try:
        outcome = check(open_result(root / folder), root / snapshot if snapshot else None, strict=strict)
    except EdgeqError as error:
        raise pytest.fail.Exception(f"edgeq check {folder}: {error}", pytrace=False) from None
    if not outcome.passed:
        pytest.fail(render_check(outcome.to_json()), pytrace=False)
    return outcome
