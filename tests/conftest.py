"""Settings for all tests. Shared code is in modules with names: tools.py, and others beside the tests that use them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# The same examples on every run and machine; time limits would fail on a busy one.
settings.register_profile(
    "edgeq", derandomize=True, deadline=None, print_blob=False, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("edgeq")

TOGETHER = ("tests/packaging/", "tests/unit/test_kernels_")
"""Test files that one process runs as a whole, because their tests share an expensive fixture."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deals every test to the next idle process, so that the long ones do not pile up in one, except for TOGETHER."""
    from xdist.scheduler import LoadScopeScheduling

    class Dealer(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return nodeid.split("::")[0] if nodeid.startswith(TOGETHER) else nodeid

    return Dealer(config, log)
