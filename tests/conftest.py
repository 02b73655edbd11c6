"""Settings for all tests. Shared code is in modules with names: tools.py, and others beside the tests that use them."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# The same examples on every run and machine; time limits would fail on a busy one.
settings.register_profile(
    "edgeq", derandomize=True, deadline=None, print_blob=False, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("edgeq")
