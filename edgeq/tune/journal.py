"""The journal of a search: one line per finished job, so that an interrupted search goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edgeq.tune.jobs import Job
from edgeq.tune.workers import Run

Progress = Callable[[int, int], None]
"""Called with the jobs that are done and all of them."""


class Journal:
    """Results of jobs, in memory and, where there is a `file`, on disk line by line.

    digest: of the subject; lines of another subject are kept and never used. A line that a kill cut short is ignored.
    """

    def __init__(self, digest: str, file: Path | None = None) -> None:
        self.digest = digest
        self.file = file
        self._results: dict[str, Any] = {}
        if file is not None and file.exists():
            self._read(file)

    def _read(self, file: Path) -> None:
        text = file.read_text("utf-8", errors="replace")
        for line in text.split("\n"):
            try:
                entry = json.loads(line)
                self._results[entry["job"]] = entry["result"]
            except (ValueError, KeyError, TypeError):
                continue
        if text and not text.endswith("\n"):  # what comes next must not go on in the broken line
            with file.open("a", encoding="utf-8") as out:
                out.write("\n")

    def __len__(self) -> int:
        return len(self._results)

    def run(self, jobs: Sequence[Job], run: Run, progress: Progress | None = None) -> list[Any]:
        """The results of jobs, in their order; those that are not known yet are computed by `run`."""
        keys = [job.key(self.digest) for job in jobs]
        missing = {key: job for key, job in zip(keys, jobs, strict=True) if key not in self._results}
        order = list(missing)
        done = len(jobs) - len(order)
        for index, result in run([missing[key] for key in order]):
            self._add(order[index], result)
            done += 1
            if progress is not None:
                progress(done, len(jobs))
        return [self._results[key] for key in keys]

    def _add(self, key: str, result: Any) -> None:
        # Through JSON even in memory: a search that resumes computes with the very same numbers.
        line = json.dumps({"job": key, "result": result})
        self._results[key] = json.loads(line)["result"]
        if self.file is not None:
            with self.file.open("a", encoding="utf-8") as out:
                out.write(line + "\n")

    def remove(self) -> None:
        """Deletes the file, when the search has ended."""
        if self.file is not None:
            self.file.unlink(missing_ok=True)
