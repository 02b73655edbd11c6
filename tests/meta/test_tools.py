"""A test without its tool skips and says how to get it; where all tools are required, it fails."""

from __future__ import annotations

import pytest

from tests import tools


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tools._TOOLS, "anvil", (lambda: False, "ask the smith"))
    tools.has.cache_clear()


@pytest.mark.usefixtures("missing")
def test_a_missing_tool_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEQ_REQUIRE_TOOLS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs anvil: ask the smith"):
        tools.need("anvil")


@pytest.mark.usefixtures("missing")
def test_a_missing_tool_fails_where_it_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEQ_REQUIRE_TOOLS", "1")
    with pytest.raises(pytest.fail.Exception, match="needs anvil"):
        tools.need("anvil")


def test_every_tool_says_how_to_get_it() -> None:
    assert all(isinstance(tools.has(name), bool) and hint for name, (_, hint) in tools._TOOLS.items())


def not_installed_by_ci(script: str) -> list[str]:
    """Debian packages that a hint names and .ci/run does not install."""
    packages = {p for _, hint in tools._TOOLS.values() if hint.startswith("apt install ") for p in hint.split()[2:]}
    return sorted(packages - set(script.split()))


def test_ci_installs_every_tool() -> None:
    script = (tools.ROOT / ".ci" / "run").read_text("utf-8")
    assert not_installed_by_ci(script) == []
    assert not_installed_by_ci(script.replace("qemu-system-arm", "")) == ["qemu-system-arm"]
