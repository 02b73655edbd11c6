"""The rows of projects: complete, for the right boards, and their files as the ecosystems want them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from edgeq.assemble import write_project
from edgeq.boards import FEATURES, list_boards, load_board
from edgeq.cli import run
from edgeq.errors import BoardError, UsageError
from edgeq.projects import ProjectRow, load_project, projects, read_marker
from edgeq.resources import project_names
from tests.projects.builders import BUILDERS, STUBS, call
from tests.projects.models import folders
from tests.projects.test_builds import BOARDS
from tests.tools import need


def written(kind: str, count: int, out: Path) -> Path:
    write_project(folders(count, BOARDS.get(kind, "host")), kind, out, "both" if count == 2 else None)
    return out


def test_every_row_has_a_builder() -> None:
    assert sorted(BUILDERS) == project_names() == [row.name for row in projects()]


@pytest.mark.parametrize("row", projects(), ids=lambda row: row.name)
def test_targets_have_known_features_and_boards_fit_or_are_refused(row: ProjectRow) -> None:
    assert all(target.features <= FEATURES.keys() for target in row.targets)
    fitting = [board for board in list_boards() if row.fits(board) is not None]
    assert fitting
    for board in list_boards():
        if board not in fitting:
            with pytest.raises(BoardError, match=f"no {row.name} project for board {board.name}"):
                row.target(board)


@pytest.mark.parametrize(
    ("kind", "board", "target"),
    [
        ("esp-idf", "riscv", "esp32c3"),
        ("esp-idf", "host", "esp32s3"),
        ("esp-idf", "cortex-m4", None),
        ("esp-idf", "netduinoplus2", None),
        ("esp-idf", "riscv-zbb", None),
        ("esp-idf", "sifive_e", None),
        ("pico-sdk", "cortex-m0", "pico"),
        ("pico-sdk", "cortex-m33", "pico2"),
        ("pico-sdk", "riscv-zbb", "pico2"),
        ("pico-sdk", "cortex-m55", None),
        ("pico-sdk", "microbit", None),
        ("platformio", "microbit", "bbcmicrobit"),
        ("platformio", "cortex-m7", "nucleo_h743zi"),
        ("platformio", "mps2-an386", None),
        ("zephyr", "mps2-an500", "mps2/an500"),
        ("zephyr", "sifive_e", "native_sim"),
        ("zephyr", "riscv", "qemu_riscv32"),
        ("zephyr", "cortex-m0plus", "qemu_cortex_m0"),
        ("zephyr", "pico2-riscv", "rpi_pico2/rp2350a/hazard3"),
        ("zephyr", "pico2", "rpi_pico2/rp2350a/m33"),
        ("platformio", "nucleo-f446re", "nucleo_f446re"),
        ("platformio", "hifive1-revb", None),
        ("esp-idf", "esp32-c6", "esp32c6"),
        ("pico-sdk", "esp32-c3", None),
        ("micropython", "feather-nrf52840", "nrf"),
        ("arduino", "esp32-c3", "riscv"),
        ("micropython", "pico2-riscv", "rp2"),
        ("micropython", "pico2", "rp2"),
        ("arduino", "host", "any"),
    ],
)
def test_boards_and_their_names_elsewhere(kind: str, board: str, target: str | None) -> None:
    found = load_project(kind).fits(load_board(board))
    assert (None if found is None else found.id) == target


def test_errors_say_what_would_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = "examples/digits_low_bits/digits_w1a1.onnx"
    assert run(["convert", model, "--board", "cortex-m4", "--project", "esp-idf", "-o", str(tmp_path / "x")]) == 7
    message = capsys.readouterr().err
    assert "ESP-IDF is for Espressif's chips" in message and "boards that fit: " in message
    assert not (tmp_path / "x").exists()
    with pytest.raises(UsageError, match="there is no project 'keil'"):
        load_project("keil")


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("kind", project_names())
def test_files_are_whole(kind: str, count: int, tmp_path: Path) -> None:
    project = written(kind, count, tmp_path / "project")
    marker = read_marker(project)
    assert marker is not None
    assert len(marker["models"]) == count
    for path in marker["files"]:
        assert (project / path).is_file() and "NAME" not in path
        if Path(path).suffix in (".npz", ".onnx"):
            continue
        text = (project / path).read_text()
        assert not re.search(r"\{\{|\{%|\bUndefined\b", text), path
        assert text.endswith("\n") and "\n\n\n" not in text and not re.search(r"[ \t]+$", text, re.MULTILINE), path
    readme = (project / "README.md").read_text()
    assert "edgeq verify" in readme and "## Build and run" in readme
    again = written(kind, count, tmp_path / "again")
    assert all((again / path).read_bytes() == (project / path).read_bytes() for path in marker["files"])


@pytest.mark.parametrize("count", [1, 2])
def test_arduino_metadata_follows_the_library_specification(count: int, tmp_path: Path) -> None:
    project = written("arduino", count, tmp_path / "project")
    lines = (project / "library.properties").read_text().splitlines()
    fields = dict(line.split("=", 1) for line in lines)
    assert len(fields) == len(lines)
    required = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures"}
    assert required <= fields.keys()
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.\- ]{0,62}", fields["name"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", fields["version"])
    assert fields["category"] in {
        "Display", "Communication", "Signal Input/Output", "Sensors", "Device Control", "Timing", "Data Storage",
        "Data Processing", "Other",
    }  # fmt: skip
    assert fields["sentence"].endswith(".") and not fields["paragraph"].startswith(fields["sentence"])
    assert (project / "src" / fields["includes"]).is_file()
    for line in (project / "keywords.txt").read_text().splitlines():
        assert not line or line.startswith("#") or re.fullmatch(r"\S+\t(KEYWORD[123]|LITERAL1)", line)


@pytest.mark.tools
def test_platformio_reads_its_manifests(tmp_path: Path) -> None:
    need("platformio")
    project = written("platformio", 2, tmp_path / "project")
    arduino = written("arduino", 2, tmp_path / "arduino")
    write_project(folders(1, "cortex-m4"), "platformio", tmp_path / "board")
    code = (
        "import sys\n"
        "from platformio.package.manifest.parser import ManifestParserFactory as P\n"
        "from platformio.package.manifest.schema import ManifestSchema\n"
        "from platformio.project.config import ProjectConfig\n"
        "for file in sys.argv[1:3]:\n"
        "    print(ManifestSchema().load_manifest(P.new_from_file(file).as_dict())['headers'])\n"
        "config = ProjectConfig(sys.argv[3])\n"
        "config.validate()\n"
        "print(config.warnings, config.envs(), config.get('env:nucleo_f446re', 'board'))\n"
    )
    manifests = [project / "lib" / "both" / "library.json", arduino / "library.properties"]
    printed = call([sys.executable, "-c", code, *manifests, tmp_path / "board" / "platformio.ini"], tmp_path)
    assert printed.splitlines() == ["['both.h']", "['both.h']", "[] ['nucleo_f446re', 'native'] nucleo_f446re"]


@pytest.mark.tools
def test_espressifs_component_manager_reads_the_components(tmp_path: Path) -> None:
    need("idf-component-manager")
    project = written("esp-idf", 1, tmp_path / "project")
    code = (
        "import sys\n"
        "from idf_component_tools.manager import ManifestManager\n"
        "for folder in sys.argv[1:]:\n"
        "    manager = ManifestManager(folder, 'x')\n"
        "    manager.validate()\n"
        "    print(manager.is_valid, manager.validation_errors, manager.load().targets)\n"
    )
    printed = call([sys.executable, "-c", code, project / "components" / "one", project / "main"], tmp_path)
    assert printed.splitlines() == ["True [] ['esp32c3']", "True [] []"]


@pytest.mark.tools
def test_zephyr_workspace_is_one_that_west_reads(tmp_path: Path) -> None:
    """By west's own schema, without fetching what it imports."""
    need("west")
    project = written("zephyr", 2, tmp_path / "project")
    code = (
        "import sys; from west.manifest import ImportFlag, Manifest\n"
        "found = Manifest.from_data(open(sys.argv[1]).read(), import_flags=ImportFlag.IGNORE)\n"
        "print([p.name for p in found.projects], found.yaml_path)\n"
    )
    printed = call([sys.executable, "-c", code, project / "west.yml"], tmp_path)
    assert printed.strip() == "['manifest', 'zephyr'] both_zephyr"


@pytest.mark.tools
def test_zephyr_metadata_fits_its_schemas(tmp_path: Path) -> None:
    need("pykwalify", "kconfiglib")
    project = written("zephyr", 2, tmp_path / "project")
    module = project / "modules" / "both" / "zephyr"
    stub = STUBS / "zephyr"
    for file, schema in (
        (module / "module.yml", "module-schema.yaml"),
        (project / "sample.yaml", "sample-schema.yaml"),
    ):
        code = "import sys; from pykwalify.core import Core; Core(sys.argv[1], [sys.argv[2]]).validate()"
        copy = tmp_path / f"{file.stem}.yaml"
        copy.write_text(file.read_text())
        call([sys.executable, "-c", code, copy, stub / schema], tmp_path)
    code = (
        "import sys, kconfiglib\n"
        "options = kconfiglib.Kconfig(sys.argv[1])\n"
        "options.load_config(sys.argv[2])\n"
        "names = ('EDGEQ_BOTH', 'MAIN_STACK_SIZE', 'PRINTK')\n"
        "print(options.warnings, [options.syms[name].str_value for name in names])\n"
    )
    printed = call(
        [sys.executable, "-c", code, stub / "Kconfig", project / "prj.conf"],
        tmp_path,
        MODULE_KCONFIG=str(module / "Kconfig"),
    )
    assert printed.strip() == "[] ['y', '4096', 'y']"
