"""Writing a project again: what edgeq wrote is replaced, what the user wrote is kept and named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgeq.assemble import write_project
from edgeq.cli import run
from edgeq.contract import PROJECT_MARKER
from edgeq.emit import staged_folder
from edgeq.errors import ModelFileError, UsageError
from edgeq.pipeline import open_result
from edgeq.projects import Update, read_marker
from tests.projects.models import converted

MAIN, MODEL = Path("src/main.c"), Path("one/one.c")


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def write(out: Path, model: str = "one", kind: str = "make") -> Update:
    return write_project([converted(model, "host")], kind, out)


def older(out: Path, path: Path, text: str) -> None:
    """Makes as if an earlier edgeq had written `text`."""
    import hashlib
    import json

    (out / path).write_text(text)
    marker = read_marker(out)
    assert marker is not None
    marker["files"][path.as_posix()] = hashlib.sha256(text.encode()).hexdigest()
    (out / PROJECT_MARKER).write_text(json.dumps(marker))


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    assert write(tmp_path / "p").written
    before = contents(tmp_path / "p")
    assert write(tmp_path / "p") == Update()
    assert contents(tmp_path / "p") == before


def test_what_edgeq_wrote_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "p"
    write(out)
    whole = contents(out)
    older(out, MAIN, "int main(void) { return 0; }\n")
    older(out, MODEL, "old\n")
    older(out, Path("one/edgeq/src/gone.c"), "a kernel that is not used any more\n")
    update = write(out)
    assert sorted(update.written) == [MODEL.as_posix(), MAIN.as_posix()]
    assert update.removed == ["one/edgeq/src/gone.c"] and not update.notes()
    assert contents(out) == whole


def test_an_edited_file_of_the_project_stays_with_the_new_one_beside(tmp_path: Path) -> None:
    out = tmp_path / "p"
    write(out)
    fresh = (out / MAIN).read_bytes()
    (out / MAIN).write_text("mine\n")
    assert write(out) == Update() and (out / MAIN).read_text() == "mine\n"
    older(out, MAIN, "as edgeq had it once\n")
    (out / MAIN).write_text("mine\n")
    update = write(out)
    assert update.kept == [MAIN.as_posix()] and "src/main.c is yours now" in update.notes()[0]
    assert (out / MAIN).read_text() == "mine\n"
    assert (out / "src/main.c.new").read_bytes() == fresh
    assert write(out) == Update()


def test_an_edited_generated_file_makes_way_and_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "p"
    write(out)
    fresh = (out / MODEL).read_bytes()
    for edit in ("first\n", "second\n"):
        (out / MODEL).write_text(edit)
        assert write(out).moved == [MODEL.as_posix()]
    assert (out / MODEL).read_bytes() == fresh
    assert (out / "one/one.c.edited").read_text() == "first\n"
    assert (out / "one/one.c.edited2").read_text() == "second\n"


def test_files_of_the_user_are_not_touched(tmp_path: Path) -> None:
    out = tmp_path / "p"
    write(out)
    (out / "one/notes.txt").write_text("mine")
    (out / "src/sensor.c").write_text("mine")
    (out / MAIN).unlink()
    older(out, Path("one/edgeq/src/gone.c"), "old\n")
    (out / "one/edgeq/src/gone.c").write_text("edited\n")
    update = write(out)
    assert (out / "one/notes.txt").read_text() == (out / "src/sensor.c").read_text() == "mine"
    assert not (out / MAIN).exists() and update.deleted == [MAIN.as_posix()]
    assert update.moved == ["one/edgeq/src/gone.c"]
    assert (out / "one/edgeq/src/gone.c.edited").read_text() == "edited\n"


def test_other_folders_are_refused_and_stay_as_they_are(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds other files"):
        write(home)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        write(tmp_path / "file")
    write(tmp_path / "p")
    before = contents(tmp_path / "p")
    with pytest.raises(UsageError, match="holds a make project of one, not a cmake project of one"):
        write(tmp_path / "p", kind="cmake")
    with pytest.raises(UsageError, match="in a project"), staged_folder(tmp_path / "p" / "one"):
        pass
    (tmp_path / "p" / PROJECT_MARKER).write_text("{}")
    with pytest.raises(UsageError, match="holds other files"):
        write(tmp_path / "p")
    (tmp_path / "p" / PROJECT_MARKER).write_bytes(before[PROJECT_MARKER])
    assert contents(home) == {"thesis.txt": b"mine"} and contents(tmp_path / "p") == before


def test_a_failed_conversion_leaves_the_project_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "p"
    write(out)
    before = contents(out)
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    command = ["convert", str(tmp_path / "broken.onnx"), "--board", "host", "--project", "make", "--name", "one"]
    assert run([*command, "-o", str(out)]) == 3
    assert contents(out) == before and "broken.onnx" in capsys.readouterr().err


def test_a_project_is_verified_where_its_model_lies(tmp_path: Path) -> None:
    out = tmp_path / "p"
    write(out, kind="arduino")
    result = open_result(out)
    assert result.dir == out / "src" and result.manifest["name"] == "one"
    assert all((result.dir / path).is_file() for path in result.manifest["sources"])
    shutil.rmtree(out / "src")
    with pytest.raises(ModelFileError, match="does not hold a converted model"):
        open_result(out)
