"""Several models in one firmware: one runtime, one arena, the same bits; and models that do not go together."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edgeq.assemble import combine
from edgeq.boards import load_board
from edgeq.cli import run
from edgeq.emulate import runner_for
from edgeq.errors import ModelFileError, ToolchainError, UsageError
from edgeq.pipeline import compile_model, open_result
from edgeq.projects import model_folders
from edgeq.selftest import selftest_vectors
from edgeq.toolchain import build_program
from tests.emulated.tiny_model import need_compiler
from tests.projects.models import NAMES, folders, manifest_of
from tests.tools import ROOT, need

HARNESS = Path(__file__).parent / "alternate.c"


def copies(tmp_path: Path, board: str = "host") -> list[Path]:
    """Folders that a test may change."""
    return [Path(shutil.copytree(folder, tmp_path / folder.name)) for folder in folders(2, board)]


def test_the_runtime_is_there_once_and_the_arena_is_the_largest(tmp_path: Path) -> None:
    parts = folders(2, "host")
    whole = combine(parts, tmp_path / "both")
    manifests = [manifest_of(folder) for folder in parts]
    assert whole.manifest["arena_bytes"] == max(int(str(m["arena_bytes"])) for m in manifests)
    assert [entry["name"] for entry in whole.manifest["models"]] == list(NAMES)
    runtime = {p.relative_to(folder) for folder in parts for p in (folder / "edgeq").rglob("*") if p.is_file()}
    found = [p.relative_to(tmp_path / "both") for p in (tmp_path / "both").rglob("*") if p.is_file()]
    assert {p for p in found if p.parts[0] == "edgeq"} == runtime
    assert len({p.name for p in found if p.suffix == ".c"}) == len([p for p in found if p.suffix == ".c"])
    for name, folder in zip(NAMES, model_folders(tmp_path / "both"), strict=True):
        result = open_result(folder)
        assert result.dir.name == name
        assert all((result.dir / path).is_file() for path in result.manifest["sources"])
    with pytest.raises(ModelFileError, match="holds several models"):
        open_result(tmp_path / "both")


def test_a_combination_of_combinations_and_projects(tmp_path: Path) -> None:
    combine(folders(2, "host"), tmp_path / "pair")
    assert run(["combine", str(tmp_path / "pair"), "-o", str(tmp_path / "p"), "--project", "arduino"]) == 0
    again = combine([tmp_path / "p"], tmp_path / "pair2", "pair")
    direct = combine([tmp_path / "pair"], tmp_path / "pair3", "pair")
    assert again.files == direct.files
    assert combine(folders(2, "host"), tmp_path / "pair").name == "pair"  # an earlier one is replaced


@pytest.mark.tools
@pytest.mark.parametrize(
    ("board", "compiler"), [("host", "gcc"), ("cortex-m4", "zig"), ("riscv", "zig")], ids=lambda value: value
)
def test_two_models_run_in_turn_in_one_arena(board: str, compiler: str, tmp_path: Path) -> None:
    target = load_board(board)
    need_compiler(target, compiler)
    whole = combine(folders(2, board), tmp_path / "both")
    manifests = [manifest_of(folder) for folder in folders(2, board)]
    vectors = [
        selftest_vectors(folder, m, 3)
        for folder, m in zip(folders(2, board), manifests, strict=True)  # type: ignore[arg-type]
    ]
    samples = [one[0][0] + two[0][0] for one, two in zip(*vectors, strict=True)]
    expected = [one[1][0] + two[1][0] + one[1][0] for one, two in zip(*vectors, strict=True)]
    program = build_program(
        [tmp_path / "both" / source for source in whole.manifest["sources"]],
        [tmp_path / "both" / folder for folder in whole.manifest["include_dirs"]],
        target,
        main=HARNESS.read_text(),
        work_dir=tmp_path / "work",
        compiler=compiler,
        defines={} if target.is_host else {"EDGEQ_TEST_EMULATOR": "1"},
        sanitize=target.is_host,
    )
    result = runner_for(target).run(program, samples, output_bytes=len(expected[0]))
    assert result.outputs == expected


@pytest.mark.tools
def test_two_models_that_define_the_same_names_are_told_apart_by_the_linker(tmp_path: Path) -> None:
    """Folders of two models put together by hand: their kernels are there twice."""
    need_compiler(load_board("host"), "gcc")
    parts = copies(tmp_path)
    sources = [part / path for part in parts for path in open_result(part).manifest["sources"]]
    includes = [part / path for part in parts for path in (".", "edgeq/include")]
    doubled = [*sources, next(s for s in sources if "/edgeq/src/" in s.as_posix())]
    with pytest.raises(ToolchainError, match=r"defined twice.*edgeq combine"):
        build_program(doubled, includes, load_board("host"), main="", work_dir=tmp_path / "w", compiler="gcc")


def rewrite(folder: Path, **changes: object) -> None:
    file = folder / f"{folder.name}.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_models_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    one, two = copies(tmp_path)
    out = tmp_path / "both"
    twin = shutil.copytree(one, tmp_path / "twin" / "one")
    with pytest.raises(UsageError, match=r"(?s)two models take the name 'one'.*--name"):
        combine([one, twin], out)
    with pytest.raises(UsageError, match="'two' of the whole is taken by a model"):
        combine([one, two], out, "two")
    with pytest.raises(UsageError, match="a single model needs no combining"):
        combine([one], out)
    rewrite(two, edgeq="0.0.9")
    with pytest.raises(UsageError, match=r"another version of edgeq: 0\.0\.9"):
        combine([one, two], out)
    rewrite(two, edgeq=manifest_of(one)["edgeq"], board="cortex-m0")
    with pytest.raises(UsageError, match=r"another board: cortex-m0, and .* for host"):
        combine([one, two], out)
    rewrite(two, board="host")
    kernel = two / "edgeq/include/edgeq/edgeq_contract.h"
    kernel.write_text(kernel.read_text() + "/* other */\n")
    with pytest.raises(UsageError, match=r"edgeq_contract\.h is not the same file as in .*one"):
        combine([one, two], out)
    assert not out.exists()
    with pytest.raises(ModelFileError, match="does not hold a converted model"):
        combine([tmp_path, one], out)


def test_a_model_named_like_a_file_of_another_is_refused(tmp_path: Path) -> None:
    one, _ = copies(tmp_path)
    other = tmp_path / "one_weights"
    shutil.copytree(one, other)
    for file in list(other.glob("one*")):
        file.rename(other / file.name.replace("one", "one_weights", 1))
    rewrite(other, name="one_weights", sources=["one_weights.c", "one_weights_weights.c"])
    with pytest.raises(UsageError, match="two models take the name 'one_weights'"):
        combine([one, other], tmp_path / "both")


def test_layers_with_a_kernel_to_themselves_find_it_in_the_shared_runtime(tmp_path: Path) -> None:
    need("zig", "unicorn")
    network = ROOT / "examples" / "digits" / "digits.onnx"
    samples = network.with_name("digits_calibration.npz")
    for name in NAMES:
        compile_model(network, "cortex-m4", out=tmp_path / name, name=name, optimize="speed", calibrate=samples)
    combine([tmp_path / name for name in NAMES], tmp_path / "both")
    copied = {path.name for path in (tmp_path / "both" / "edgeq").rglob("*_step*.c")}
    assert copied == {path.name for name in NAMES for path in (tmp_path / name).rglob("*_step*.c")}
    for folder in model_folders(tmp_path / "both"):
        assert any(name.startswith(f"{folder.name}_") for name in copied)
        assert open_result(folder).verify(on=("emulator",), samples=1).bit_exact
