"""The pytest plugin as a firmware team meets it: in a pytest run of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytest_plugins = ["pytester"]

CONFTEST = """
import sys
import types

import edgeq.snapshot
from edgeq.errors import ModelFileError
from edgeq.snapshot import Change, Check


def pytest_configure():
    # build/good holds, build/dear costs more, build/none is not there.
    pipeline = types.ModuleType("edgeq.pipeline")
    pipeline.open_result = open_result
    sys.modules["edgeq.pipeline"] = pipeline
    edgeq.snapshot.check = check


def open_result(folder):
    if folder.name == "none":
        raise ModelFileError("this folder does not hold a converted model", where=str(folder))
    return folder


def check(folder, snapshot=None, *, strict=False):
    found = Check(str(snapshot), folder.name, "riscv", "zig 0.17.1", 4)
    found.notes.append(f"folder {folder}")
    if folder.name == "dear":
        found.violations.append(Change("instructions", "conv_3", 1000, 2000, 100.0))
    if strict:
        found.violations.append(Change("compiler", None, "gcc 12", "zig 0.17.1"))
    return found
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A firmware's folder with networks that need no compiler."""
    pytester.makeconftest(CONFTEST)
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """pytest in a process of its own, because the networks replace parts of edgeq."""
    return project.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


def test_three_lines(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_network(edgeq_check):
            edgeq_check("build/good", "good.snapshot.toml")
        """
    )
    run(project).assert_outcomes(passed=1)


def test_a_failure_names_the_layer_and_shows_no_traceback(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_network(edgeq_check):
            edgeq_check("build/dear", "dear.snapshot.toml")
        """
    )
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*FAILED: 1 change against *dear.snapshot.toml", "*conv_3*1,000*2,000*+100.00 %"])
    result.stdout.no_fnmatch_line("*pytest_plugin.py*")


def test_an_error_is_a_failure_with_its_sentence(project: pytest.Pytester) -> None:
    project.makepyfile("def test_network(edgeq_check):\n    edgeq_check('build/none')\n")
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*does not hold a converted model*"])
    result.stdout.no_fnmatch_line("*During handling*")


def test_the_check_is_returned_and_strict_is_passed_on(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest

        def test_network(edgeq_check, pytestconfig):
            found = edgeq_check("build/good")
            assert found.passed and found.samples == 4
            assert found.notes == [f"folder {pytestconfig.rootpath / 'build' / 'good'}"]

        def test_strict(edgeq_check):
            with pytest.raises(pytest.fail.Exception, match="gcc 12"):
                edgeq_check("build/good", strict=True)
        """
    )
    run(project).assert_outcomes(passed=2)


def test_networks_from_the_ini_file(project: pytest.Pytester) -> None:
    project.makeini(
        """
        [pytest]
        edgeq_networks =
            build/good tests/good.snapshot.toml
            build/dear tests/dear.snapshot.toml
        """
    )
    folder = project.mkdir("tests")
    for name in ("good", "dear", "other"):
        (folder / f"{name}.snapshot.toml").write_text("", "utf-8")
    result = run(project, "-v")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*build/good PASSED*", "*edgeq check build/dear*"], consecutive=False)
    run(project, "tests/good.snapshot.toml").assert_outcomes(passed=1)


def test_a_wrong_ini_line_is_named(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nedgeq_networks = build/good\n")
    result = run(project)
    assert result.ret != 0
    (result.stderr if result.stderr.lines else result.stdout).fnmatch_lines(["*edgeq_networks*FOLDER SNAPSHOT*"])


def test_the_plugin_costs_other_projects_nothing() -> None:
    code = (
        "import sys, edgeq.pytest_plugin; print(*(m for m in sys.modules if m.startswith(('edgeq', 'numpy', 'rich'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert set(done.stdout.split()) == {"edgeq", "edgeq.pytest_plugin"}
