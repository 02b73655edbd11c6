"""Sample files: reads `inputs` and `labels` from npz, checks them against the model, brings them into the C's form.

Nothing here trusts the file: shapes are checked from the headers before an array is read, and objects are refused.
An "input specification" is an entry of the manifest's `inputs` (docs/architecture.md, section 5).
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import CalibrationError
from edgeq.formats import number_format
from edgeq.formats.quantizer import legal_integers, quantize_input

Array = NDArray[Any]
Spec = Mapping[str, Any]

_MAKE_ONE = "make one with numpy.savez('samples.npz', inputs=array); the first axis counts the samples"
_BROKEN = (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class SampleSet:
    """Samples in the model's own layout and type, or float, or integers of the C.

    inputs: one array per model input, by its name; the first axis counts samples. labels: class indices, or None.
    """

    inputs: dict[str, Array]
    labels: Array | None = None

    @property
    def count(self) -> int:
        """How many samples."""
        return len(next(iter(self.inputs.values()))) if self.inputs else 0

    def first(self, count: int) -> SampleSet:
        """The first `count` samples, or all when there are fewer."""
        inputs = {name: array[:count] for name, array in self.inputs.items()}
        return SampleSet(inputs, None if self.labels is None else self.labels[:count])


def load_samples(source: str | Path | Mapping[str, Any], input_specs: Sequence[Spec]) -> SampleSet:
    """Samples for a model from an npz file or from arrays by name, checked.

    A model with one input finds it as `inputs` or by its own name; one with several needs every name.
    Raises CalibrationError.
    """
    if isinstance(source, Mapping):
        where = "samples"
        arrays = {str(name): np.asarray(array) for name, array in source.items()}
        chosen = _choose(set(arrays), input_specs, where)
    else:
        where = str(source)
        known = headers(Path(source))
        chosen = _choose(set(known), input_specs, where)
        for spec in input_specs:
            key = chosen[spec["name"]]
            _check_type(spec, known[key][1], where)
            _check_shape(spec, known[key][0], where)
        wanted = set(chosen.values()) | ({"labels"} & set(known))
        arrays = _read(Path(source), wanted)
    inputs = {spec["name"]: _checked(spec, arrays[chosen[spec["name"]]], where) for spec in input_specs}
    counts = {name: len(array) for name, array in inputs.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name!r} has {count}" for name, count in counts.items())
        raise CalibrationError(f"the inputs differ in their number of samples: {listed}", where=where)
    labels_taken = "labels" in chosen.values()
    labels = None if labels_taken or "labels" not in arrays else arrays["labels"]
    count = next(iter(counts.values()))
    return SampleSet(inputs, None if labels is None else _checked_labels(labels, count, where))


def random_samples(input_specs: Sequence[Spec], count: int, seed: int = 0) -> SampleSet:
    """`count` samples of the C's types in the model's own layout: integers over the whole range, floats in [-1, 1).

    The numbers are SHAKE-128 of (seed, input, sample): the same on every machine and with every numpy, for ever.
    """
    inputs: dict[str, Array] = {}
    for index, spec in enumerate(input_specs):
        dtype, shape = np.dtype(spec["dtype"]), sample_shape(spec)
        keys = (f"edgeq {seed} {index} {k}" for k in range(count))
        samples = [_in_format(spec, _random(dtype, prod(shape), key)).reshape(shape) for key in keys]
        inputs[spec["name"]] = np.stack(samples) if samples else np.zeros((0, *shape), dtype)
    return SampleSet(inputs)


def _in_format(spec: Spec, integers: Array) -> Array:
    """Any integers as integers that the input's format has."""
    if spec.get("quantizer"):
        values = legal_integers(spec["quantizer"])
        return np.asarray(values[integers.view(np.uint8).astype(np.int64) % len(values)])
    if spec.get("tokens"):  # those that the table has, and one on either side
        return np.asarray(integers.view(np.uint32).astype(np.int64) % (spec["tokens"] + 2) - 1, integers.dtype)
    if not spec.get("format"):
        return integers
    values = np.array([v for v in number_format(spec["format"]).values if v is not None], dtype=integers.dtype)
    return values[integers.view(np.uint8) % len(values)]


def _random(dtype: np.dtype[Any], elements: int, key: str) -> Array:
    source = np.dtype("uint32") if dtype.kind == "f" else dtype
    raw = hashlib.shake_128(key.encode()).digest(elements * source.itemsize)
    if dtype.kind == "b":
        return (np.frombuffer(raw, np.uint8) & 1).astype(dtype)
    bits = np.frombuffer(raw, source.newbyteorder("<"))
    return (bits / 2.0**31 - 1.0 if dtype.kind == "f" else bits).astype(dtype)


def sample_shape(spec: Spec) -> tuple[int, ...]:
    """Shape of one sample in the model's own layout, its batch axis of 1 left out."""
    shape = tuple(int(n) for n in spec["source_shape"])
    return shape[1:] if _batch_axis(spec) else shape


def to_internal(spec: Spec, array: Array) -> Array:
    """Samples in the layout and type of the C: transposed by `source_perm`, floats quantized; [count, ...].

    Floats become round-half-even(x / scale) + zero_point, saturated, or what the input's `quantizer` makes of them
    (`edgeq.formats.quantizer`); integers of the model's own type become the C's.
    """
    return np.ascontiguousarray(_to_type(spec, _permuted(spec, array), np.dtype(spec["dtype"])))


def to_bytes(spec: Spec, sample: Array) -> bytes:
    """One sample in the layout and type of the C as the bytes that the C takes: packed where the manifest says so."""
    if not spec.get("packed"):
        return np.ascontiguousarray(sample).tobytes()
    row = number_format(spec["format"])
    return row.pack(row.to_codes(sample)).tobytes()


def from_bytes(spec: Spec, raw: bytes) -> Array:
    """The integers in the bytes of one input or output, in the shape of the C."""
    shape = tuple(int(n) for n in spec["shape"])
    if not spec.get("packed"):
        return np.frombuffer(raw, dtype=spec["dtype"]).reshape(shape)
    row = number_format(spec["format"])
    packed = np.frombuffer(raw, np.uint8).reshape(*shape[:-1], row.row_bytes(shape[-1]))
    return row.decode(row.unpack(packed, shape[-1])).astype(spec["dtype"])


def in_source_layout(spec: Spec, array: Array) -> Array:
    """One sample's output in the axis order of the original model."""
    perm, source = spec.get("source_perm"), spec["source_shape"]
    if perm is None:
        return np.asarray(array.reshape(source))
    internal = [source[axis] for axis in perm]
    return np.asarray(array.reshape(internal).transpose(np.argsort(perm)))


def to_original(spec: Spec, array: Array) -> Array:
    """Samples as the original model takes them: its own layout and type, the batch axis of 1 first; [count, 1, ...].

    Integers of the C become reals by (q - zero_point) * scale + real_offset when the original is a float model. Tokens
    that a table does not have become those that the C reads for them; originals refuse them, or count from the end.
    """
    source = np.dtype(spec.get("source_dtype") or spec["dtype"])
    converted = _to_type(spec, array, source)
    if spec.get("tokens"):
        converted = np.clip(converted, 0, spec["tokens"] - 1)
    return np.ascontiguousarray(converted.reshape(len(array), *(int(n) for n in spec["source_shape"])))


def to_source_type(spec: Spec, integers: Array) -> Array:
    """Integers of the C as the original gives them: uint8 is 128 more, others are the same."""
    return _shifted(integers, np.dtype("uint8")) if spec.get("source_dtype") == "uint8" else integers


def from_source_type(spec: Spec, integers: Array) -> Array:
    """The reverse of `to_source_type`."""
    return _shifted(integers, np.dtype("int8")) if spec.get("source_dtype") == "uint8" else integers


def to_reals(spec: Spec, integers: Array) -> Array:
    """float64 reals of integers in the model's own layout: (q - zero_point) * scale + real_offset; [count, ...].

    Integers without a scale are their own reals.
    """
    q = integers.astype(np.float64)
    if spec.get("scale") is None:
        return q
    scale = _along_channels(spec, q.ndim, spec["scale"])
    return np.asarray(
        (q - int(spec["zero_point"])) * scale + _along_channels(spec, q.ndim, spec.get("real_offset", 0.0))
    )


def _along_channels(spec: Spec, rank: int, given: Any) -> Array:
    """A number, or one per channel of the C so that they broadcast against `rank` axes in the model's own layout."""
    numbers = np.asarray(given, dtype=np.float64)
    if numbers.ndim == 0:
        return numbers
    source, perm = [int(n) for n in spec["source_shape"]], spec.get("source_perm")
    shape = [1] * len(source)
    shape[int(perm[-1]) if perm else -1] = numbers.size
    return numbers.reshape(shape[max(len(source) - rank + 1, 0) :])


def _bounds(dtype: np.dtype[Any]) -> tuple[int, int]:
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


def _batch_axis(spec: Spec) -> bool:
    shape = spec["source_shape"]
    return len(shape) > 0 and int(shape[0]) == 1


def _permuted(spec: Spec, array: Array) -> Array:
    perm = spec.get("source_perm")
    batched = array.reshape(len(array), *(int(n) for n in spec["source_shape"]))
    if perm is not None:
        batched = batched.transpose(0, *(int(axis) + 1 for axis in perm))
    shape = tuple(int(n) for n in spec["shape"])
    return batched.reshape(len(array), *(shape[1:] if shape[:1] == (1,) else shape))


def _to_type(spec: Spec, array: Array, target: np.dtype[Any]) -> Array:
    internal = np.dtype(spec["dtype"])
    if target.kind == "f":
        if array.dtype.kind == "f" or spec.get("scale") is None:
            return array.astype(target)
        q = _shifted(array, internal) if array.dtype != internal else array
        return to_reals(spec, q).astype(target)
    if array.dtype.kind == "f":
        if spec.get("quantizer"):
            return quantize_input(spec["quantizer"], array)
        if spec.get("scale") is None:
            raise CalibrationError(
                f"input {spec['name']!r} has no scale, so that floats cannot be quantized for it",
                hint=f"give integers of type {internal}",
            )
        real = array.astype(np.float32).astype(np.float64)
        q = np.rint(real / float(spec["scale"])) + int(spec["zero_point"])
        array = np.clip(q, *_bounds(internal)).astype(internal)
    return array if array.dtype == target else _shifted(array, target)


def _shifted(array: Array, target: np.dtype[Any]) -> Array:
    """The same reals in another integer type: uint8 and int8 differ by 128, other widths keep the number."""
    kinds = (array.dtype.name, target.name)
    if kinds == ("uint8", "int8"):
        return (array.astype(np.int16) - 128).astype(target)
    if kinds == ("int8", "uint8"):
        return (array.astype(np.int16) + 128).astype(target)
    low, high = _bounds(target)
    wide = array.astype(np.int64)
    if wide.size and (wide.min() < low or wide.max() > high):
        raise CalibrationError(f"values from {wide.min()} to {wide.max()} do not fit {target}")
    return wide.astype(target)


_Header = tuple[tuple[int, ...], "np.dtype[Any]"]


def headers(path: Path) -> dict[str, _Header]:
    """Shape and type of every array of an npz file, read without reading the arrays. Raises CalibrationError."""
    if not path.is_file():
        raise CalibrationError("no such file", where=str(path), hint=_MAKE_ONE)
    try:
        with zipfile.ZipFile(path) as archive:
            found: dict[str, _Header] = {}
            for info in archive.infolist():
                if not info.filename.endswith(".npy"):
                    continue
                with archive.open(info) as stream:
                    found[info.filename[: -len(".npy")]] = _header(stream, info.file_size)
            return found
    except _BROKEN as error:
        message = f"this is not a readable npz file ({_reason(error)})"
        raise CalibrationError(message, where=str(path), hint=_MAKE_ONE) from None


def _header(stream: IO[bytes], file_size: int) -> _Header:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    if not dtype.hasobject and prod(shape) * dtype.itemsize + stream.tell() != file_size:
        raise ValueError("an array is shorter or longer than its header says")
    return shape, dtype


def _read(path: Path, keys: set[str]) -> dict[str, Array]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in sorted(keys)}
    except (*_BROKEN, MemoryError) as error:
        raise CalibrationError(f"the arrays cannot be read ({_reason(error)})", where=str(path)) from None


def _reason(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text and text[0] else type(error).__name__


def _choose(present: set[str], specs: Sequence[Spec], where: str) -> dict[str, str]:
    """The array of each input, by the input's name: its name in the C, or the one it had in the model."""
    chosen: dict[str, str] = {}
    for spec in specs:
        for name in (spec["name"], spec.get("source_name")):
            if name in present:
                chosen.setdefault(str(spec["name"]), str(name))
    missing = [str(spec["name"]) for spec in specs if spec["name"] not in chosen]
    if len(specs) == 1 and missing and "inputs" in present:
        return {missing[0]: "inputs"}
    if missing:
        wanted = "`inputs`" if len(specs) == 1 else "an array for each of its inputs"
        listed = ", ".join(sorted(present)) or "nothing"
        raise CalibrationError(
            f"the model needs {wanted} ({', '.join(map(repr, missing))}); found {listed}", where=where, hint=_MAKE_ONE
        )
    return chosen


def _checked(spec: Spec, array: Array, where: str) -> Array:
    _check_type(spec, array.dtype, where)
    _check_shape(spec, array.shape, where)
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            array = array.astype(np.float32)
        bad = int(np.count_nonzero(~np.isfinite(array)))
        if bad:
            first = int(np.argmax(~np.isfinite(array.reshape(len(array), -1)).all(axis=1)))
            message = f"input {spec['name']!r} holds {bad} values that are not finite, the first in sample {first}"
            raise CalibrationError(message, where=where)
    return array.reshape(len(array), *sample_shape(spec))


def _check_type(spec: Spec, dtype: np.dtype[Any], where: str) -> None:
    name = spec["name"]
    if dtype.kind == "f":
        return
    accepted = list(dict.fromkeys([str(spec["dtype"]), str(spec.get("source_dtype") or spec["dtype"])]))
    if dtype.name in accepted:
        return
    if dtype.hasobject:
        raise CalibrationError(f"input {name!r} holds Python objects, not numbers", where=where, hint=_MAKE_ONE)
    own = accepted[-1]
    raise CalibrationError(
        f"input {name!r} is of type {dtype.name}; expected float, or the model's own {' or '.join(accepted)}",
        where=where,
        hint=f"convert with array.astype({own!r}), or give real values as float32",
    )


def _check_shape(spec: Spec, shape: tuple[int, ...], where: str) -> None:
    sample = sample_shape(spec)
    source = tuple(int(n) for n in spec["source_shape"])
    rest = tuple(shape[1:])
    if len(shape) == 0 or rest not in (sample, source):
        raise CalibrationError(
            f"input {spec['name']!r} has shape {_shape_text(shape)}; expected {_shape_text(('samples', *sample))}",
            where=where,
            hint=_shape_hint(spec, tuple(shape), sample),
        )
    if shape[0] == 0:
        raise CalibrationError(f"input {spec['name']!r} holds no samples", where=where)


def _shape_hint(spec: Spec, shape: tuple[int, ...], sample: tuple[int, ...]) -> str:
    if shape == sample:
        return "this is one sample without the axis that counts samples: give array[None]"
    if len(shape) == len(sample) + 1 and len(sample) >= 2:
        rest = shape[1:]
        if (rest[-1], *rest[:-1]) == sample:
            return "the channels are last in the file and first in the model: give numpy.moveaxis(array, -1, 1)"
        if (*rest[1:], rest[0]) == sample:
            return "the channels are first in the file and last in the model: give numpy.moveaxis(array, 1, -1)"
    if len(shape) > 0 and shape[0] > 0 and prod(shape[1:]) == prod(sample):
        return f"the number of values fits: give array.reshape(-1, {', '.join(map(str, sample))})"
    return f"the model takes {_shape_text(tuple(spec['source_shape']))} per inference"


def _shape_text(shape: Sequence[object]) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"


def _checked_labels(labels: Array, count: int, where: str) -> Array:
    flat = labels.reshape(-1) if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if flat.ndim != 1 or flat.dtype.kind not in "iu":
        raise CalibrationError(
            f"`labels` is {labels.dtype}{_shape_text(labels.shape)}; expected one integer class per sample", where=where
        )
    if len(flat) != count:
        raise CalibrationError(f"`labels` holds {len(flat)} entries for {count} samples", where=where)
    return flat.astype(np.int64)
