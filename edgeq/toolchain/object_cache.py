"""Objects that were compiled before, on any folder's behalf.

`verify`, `bench` and `report` build one folder several times over, and the kernels of two models are the same files. An
object is kept under a hash of all that makes it: the compiler itself, its flags, and the text of the source and of
every header that it could include. Paths are left out, so that folders share. EDGEQ_CACHE names another directory;
`off` keeps nothing. A cache that cannot be read or written is as good as none: what is missing is compiled.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from edgeq.toolchain.compilers import Compiler

_BYTES = 512 << 20
"""What is kept at most; the objects stored longest ago go first."""
_DIGEST = hashlib.sha256().digest_size
_VARIABLES = ("CPATH", "C_INCLUDE_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "SOURCE_DATE_EPOCH")
"""What compilers take from the environment."""
_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>|(.))', re.M)
_ELSEWHERE = re.compile(rb"__FILE__|__DATE__|__TIME|__has_include|__BASE_FILE__|#[ \t]*embed|\.incbin")
"""What makes an object depend on more than the texts read here."""


def object_key(tool: Compiler, flags: Sequence[str], source: Path) -> str | None:
    """The hash of all that makes the object of SOURCE; None where that cannot be told from the texts.

    flags: of the whole command, with directories of headers as `-IDIR`; only their headers' texts count.
    """
    dirs = [Path(flag[2:]) for flag in flags if flag.startswith("-I")]
    texts = _texts(source, dirs)
    if texts is None:
        return None
    binary = Path(tool.command[0]).resolve()
    made = binary.stat()
    digest = hashlib.sha256()
    parts = [tool.version, str(binary), str(made.st_size), str(made.st_mtime_ns), *tool.command[1:]]
    parts += [flag for flag in flags if not flag.startswith("-I")]
    parts += [f"{name}={os.environ.get(name, '')}" for name in _VARIABLES]
    parts.append(source.name)
    for part in [*(p.encode() for p in parts), *texts]:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def _texts(source: Path, dirs: Sequence[Path]) -> list[bytes] | None:
    """The text of SOURCE and, as deep as it goes, of all that it names in includes, taken or not.

    What is in none of the directories belongs to the compiler, whose identity stands for it.
    """
    found: dict[Path, bytes] = {}
    waiting = [source]
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        text = found[file] = file.read_bytes()
        if _ELSEWHERE.search(text):
            return None
        for quoted, angled, computed in _INCLUDE.findall(text):
            if computed:
                return None
            name = (quoted or angled).decode()
            places = [file.parent, *dirs] if quoted else dirs
            waiting += [path for place in places if (path := (place / name).resolve()).is_file()][:1]
    return list(found.values())


def recall(keys: Mapping[Path, str]) -> set[Path]:
    """Writes every object that is kept: output -> key in, the outputs that were written out."""
    written: set[Path] = set()

    def read(cache: Any) -> None:
        for output, key in keys.items():
            kept = cache.get(key)
            if isinstance(kept, bytes) and hashlib.sha256(kept[_DIGEST:]).digest() == kept[:_DIGEST]:
                output.write_bytes(kept[_DIGEST:])
                written.add(output)

    _with_cache(read)
    return written


def remember(keys: Mapping[Path, str]) -> None:
    """Keeps the objects that were compiled: output -> key. Each with its hash before it, against torn files."""

    def write(cache: Any) -> None:
        for output, key in keys.items():
            data = output.read_bytes()
            cache.set(key, hashlib.sha256(data).digest() + data)

    _with_cache(write)


def _with_cache(action: Callable[[Any], None]) -> None:
    """Does what can be done with this user's cache; nothing when it is off, locked or cannot be used."""
    place = os.environ.get("EDGEQ_CACHE", "")
    if place == "off":
        return
    import diskcache
    import platformdirs

    folder = place or platformdirs.user_cache_dir("edgeq", appauthor=False)
    try:
        with closing(diskcache.Cache(os.path.join(folder, "objects"), size_limit=_BYTES, timeout=10)) as cache:
            action(cache)
    except (OSError, sqlite3.Error, diskcache.Timeout):
        return
