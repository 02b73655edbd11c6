"""Streams of calibration samples: an npz, a folder of files, arrays, or any Python iterable, a batch at a time.

What is in memory does not grow with the data: one batch, and a reservoir for methods that come back to samples.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import CalibrationError
from edgeq.npz import Spec, load_samples, sample_shape, to_internal
from edgeq.sample_files import SAMPLE_FILES, read_sample_file

Array = NDArray[Any]
Arrays = dict[str, Array]

BATCH = 32
RESERVOIR = 1024
"""Samples that stay in memory, at most."""
RESERVOIR_BYTES = 64 * 2**20
"""Bytes that they take, at most; one sample stays in any case."""
WHOLE_BYTES = 64 * 2**20
"""Of the arrays of an npz that is read at once."""
CHUNK = 64
"""Samples read at once from one that is larger."""

Progress = Callable[[str, int, int], None]
"""Called with (what, how much is done, of how much; 0 where that is not known)."""


class Samples:
    """Samples of a model's inputs as reals in the layout of its graph; any number of passes.

    kept: a seeded choice of them, all where they are few; complete after the first pass. An iterator, which gives its
    samples only once, gives `kept` in later passes.
    """

    def __init__(
        self,
        source: Any,
        specs: Sequence[Spec],
        seed: int = 0,
        progress: Progress = lambda what, done, total: None,
    ) -> None:
        self.kept: Arrays = {}
        self._room: Arrays = {}
        self.count = 0
        self._source, self._specs, self._progress = source, specs, progress
        self._random = np.random.default_rng(seed)
        self._passes = 0

    def batches(self) -> Iterator[Arrays]:
        """Every sample once, BATCH at a time, as float64. Raises CalibrationError."""
        self._passes += 1
        if self._passes > 1 and isinstance(self._source, Iterator):
            yield from _cut([self.kept])
            return
        done, total = 0, self.count
        for batch in _cut(self._read()):
            if self._passes == 1:
                self._keep(batch)
            done += _length(batch)
            self._progress("calibration", done, total)
            yield {name: array.astype(np.float64) for name, array in batch.items()}
        if done == 0:
            raise CalibrationError("there are no samples", where=_where(self._source))

    def _read(self) -> Iterator[Arrays]:
        for given in _arrays(self._source, self._specs):
            checked = load_samples(given, self._specs)
            yield {str(s["name"]): to_internal(s, checked.inputs[str(s["name"])]) for s in self._specs}

    def _keep(self, batch: Arrays) -> None:
        """Reservoir sampling (Vitter, 1985): each sample seen so far is among those kept with equal chance."""
        for index in range(_length(batch)):
            sample = {name: array[index : index + 1] for name, array in batch.items()}
            size = sum(array.nbytes for array in sample.values())
            room = max(1, min(RESERVOIR, RESERVOIR_BYTES // max(size, 1)))
            place = self.count if self.count < room else int(self._random.integers(self.count + 1))
            if not self._room:
                self._room = {n: np.zeros((room, *a.shape[1:]), a.dtype) for n, a in sample.items()}
            if place < room:
                for name, array in sample.items():
                    self._room[name][place] = array[0]
            self.count += 1
        for name, array in self._room.items():
            self.kept[name] = array[: self.count]


def _length(batch: Mapping[str, Array]) -> int:
    return len(next(iter(batch.values())))


def _cut(parts: Iterable[Arrays]) -> Iterator[Arrays]:
    """The same samples in batches of BATCH, the last one shorter, however they come."""
    left: Arrays = {}
    for part in parts:
        left = {name: np.concatenate([left[name], array]) if left else array for name, array in part.items()}
        while _length(left) >= BATCH:
            yield {name: array[:BATCH] for name, array in left.items()}
            left = {name: array[BATCH:] for name, array in left.items()}
    if left and _length(left):
        yield left


def _where(source: Any) -> str:
    return str(source) if isinstance(source, (str, Path)) else "samples"


def _arrays(source: Any, specs: Sequence[Spec]) -> Iterator[Mapping[str, Array]]:
    """Arrays by name, some samples at a time, as the source has them."""
    if isinstance(source, Mapping):
        yield source
        return
    if isinstance(source, (str, Path)):
        path = Path(source)
        yield from _folder(path, specs) if path.is_dir() else _npz(path, specs)
        return
    items = source() if callable(source) else source
    if not isinstance(items, Iterable):
        raise CalibrationError(
            f"samples come from a file, a folder, arrays by name or an iterable, not from {type(source).__name__}"
        )
    for item in items:
        yield _item(item, specs)


def _item(item: Any, specs: Sequence[Spec]) -> Mapping[str, Array]:
    """One sample, or a batch, of a model's inputs; a model with one input needs no name."""
    if isinstance(item, Mapping):
        return {str(s["name"]): _batched(np.asarray(item[s["name"]]), s) for s in specs if s["name"] in item} or item
    if len(specs) > 1:
        names = ", ".join(repr(s["name"]) for s in specs)
        raise CalibrationError(f"the model has several inputs: each item must be a mapping with {names}")
    return {str(specs[0]["name"]): _batched(np.asarray(item), specs[0])}


def _batched(array: Array, spec: Spec) -> Array:
    """With the axis that counts samples; a sample whose number of values fits gets the model's shape."""
    shape = sample_shape(spec)
    if array.shape[1:] in (shape, tuple(spec["source_shape"])):
        return array
    return array.reshape(1, *shape) if array.size == prod(shape) else array


def _folder(path: Path, specs: Sequence[Spec]) -> Iterator[Mapping[str, Array]]:
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SAMPLE_FILES)
    if not files:
        kinds = ", ".join(SAMPLE_FILES)
        raise CalibrationError("the folder holds no samples", where=str(path), hint=f"files with samples are {kinds}")
    for file in files:
        try:
            yield _item(read_sample_file(file), specs)
        except CalibrationError as error:
            error.where = error.where or str(file)
            raise


def _npz(path: Path, specs: Sequence[Spec]) -> Iterator[Mapping[str, Array]]:
    """The arrays of a large file, CHUNK samples of each at a time; the whole of a small one, or of one with no rows."""
    try:
        with zipfile.ZipFile(path) as archive, ExitStack() as stack:
            large = sum(info.file_size for info in archive.infolist()) > WHOLE_BYTES
            names = [name for name in archive.namelist() if name.endswith(".npy") and name != "labels.npy"]
            streams = {name[: -len(".npy")]: _Rows(stack.enter_context(archive.open(name))) for name in names}
            counts = {stream.count for stream in streams.values()}
            if large and len(counts) == 1:
                for start in range(0, count := counts.pop(), CHUNK):
                    size = min(CHUNK, count - start)
                    yield {name: stream.read(size) for name, stream in streams.items()}
                return
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        pass  # load_samples says what is wrong with it
    whole = load_samples(path, specs)
    yield whole.inputs


class _Rows:
    """An array of an npz file, read from its start to its end. Raises ValueError for arrays that have no rows."""

    def __init__(self, stream: IO[bytes]) -> None:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, by_column, self._type = read(stream)
        if self._type.hasobject or by_column or not shape:
            raise ValueError("no rows one after the other")
        self.count, self._shape, self._stream = shape[0], shape[1:], stream

    def read(self, count: int) -> Array:
        """The next rows."""
        size = count * prod(self._shape) * self._type.itemsize
        data = self._stream.read(size)
        if len(data) != size:
            raise EOFError("an array is shorter than its header says")
        return np.frombuffer(data, self._type).reshape(count, *self._shape)
