"""The plain-text report beside the generated C: what goes in and out, what it costs, and why each kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgeq.report.layout import (
    WIDTH,
    Column,
    count,
    elide,
    facts,
    heading,
    number,
    paragraph,
    percent,
    ratio,
    shape,
    table,
)
from edgeq.report.quantization import quantization, summary
from edgeq.report.small_formats import small_formats
from edgeq.report.wide_formats import wide_formats

Manifest = Mapping[str, Any]
Step = Mapping[str, Any]

INT32_MAX = 2**31 - 1
NAME_WIDTH = 44
"""Characters of a layer's name in running text; the last section has the names in full."""

_ROUNDING = {
    "litert_reference": "as LiteRT's reference kernels do: dense layers round once, all others twice (docs/numbers.md)",
}


def render_report(manifest: Manifest, sizes: Mapping[str, Any] | None = None) -> str:
    """The text of `<m>_report.txt`.

    sizes: measured numbers where there are any, under the keys of `Bench` (`compiler`, `text_bytes`, `rodata_bytes`,
    `stack_bytes`) and of the board (`flash_bytes`, `ram_bytes`).
    """
    title = f"edgeq report: {manifest['name']} on {manifest['board']}"
    lines = [title, "=" * len(title), ""]
    lines += _origin(manifest)
    lines += heading("Inputs and outputs") + _endpoints(manifest)
    lines += heading("Cost") + _cost(manifest, sizes or {})
    lines += heading("Layers") + _layers(manifest["steps"])
    lines += small_formats(manifest["steps"])
    lines += wide_formats(manifest)
    lines += quantization(manifest)
    lines += heading("Arithmetic") + _arithmetic(manifest)
    lines += heading("Kernels, and why these") + _kernels(manifest["steps"])
    return "\n".join(lines) + "\n"


def render_summary(manifest: Manifest, folder: str) -> str:
    """What `edgeq convert` says when it is done."""
    macs = sum(step["macs"] for step in manifest["steps"])
    real = _float_bytes(manifest)
    weights = f"{number(manifest['weights_bytes'])} bytes, {percent(manifest['weights_bytes'], real)} of float"
    pairs = [
        ("model", f"{manifest['source']['file']}, {count(len(manifest['steps']), 'layer')}, {number(macs)} MACs"),
        *_left_out(manifest),
        ("weights", weights),
        *summary(manifest),
        ("arena", f"{number(manifest['arena_bytes'])} bytes"),
        ("report", f"{folder}/{manifest['name']}_report.txt"),
    ]
    return "\n".join([f"{manifest['name']} for {manifest['board']}: {folder}", *facts(pairs)]) + "\n"


def _origin(manifest: Manifest) -> list[str]:
    source = manifest["source"]
    pairs = [
        ("edgeq", f"{manifest['edgeq']}, ABI {manifest['abi']}"),
        ("model", f"{source['file']} ({source['format']})"),
        ("SHA-256", source["sha256"]),
        ("board", manifest["board"]),
        ("optimized for", manifest["optimize"]),
    ]
    return facts(pairs)


def _endpoints(manifest: Manifest) -> list[str]:
    columns = [
        Column("name", flex=True),
        Column("in/out"),
        Column("type"),
        Column("shape in C"),
        Column("shape in model"),
        Column("scale", right=True),
        Column("zero", right=True),
        Column("bytes", right=True),
        Column("offset", right=True),
    ]
    rows = [
        [
            str(tensor["name"]),
            f"{kind} {index}",
            tensor["format"] if tensor["packed"] else tensor["dtype"],
            shape(tensor["shape"]),
            shape(tensor["source_shape"]),
            _scale(tensor["scale"]),
            "-" if tensor["zero_point"] is None else str(tensor["zero_point"]),
            number(tensor["bytes"]),
            number(tensor["offset"]),
        ]
        for kind, side in (("in", "inputs"), ("out", "outputs"))
        for index, tensor in enumerate(manifest[side])
    ]
    lines = table(columns, rows)
    lines += ["", *paragraph("real value = (integer - zero) * scale; offsets are bytes from the start of the arena.")]
    for kind, side in (("in", "inputs"), ("out", "outputs")):
        for index, tensor in enumerate(manifest[side]):
            lines += _meaning(f"{kind} {index}", tensor)
    for note in manifest.get("notes", []):
        lines += paragraph(note)
    for kind, side in (("in", "inputs"), ("out", "outputs")):
        for index, tensor in enumerate(manifest[side]):
            if tensor.get("source_perm"):
                order = ", ".join(map(str, tensor["source_perm"]))
                lines += paragraph(f"{kind} {index}: axes of the C are the model's axes ({order}).")
    return lines


def _scale(scale: float | Sequence[float] | None) -> str:
    return "-" if scale is None else f"{scale:.9g}" if isinstance(scale, float) else "by channel"


def _meaning(which: str, tensor: Mapping[str, Any]) -> list[str]:
    """What the table cannot say of the reals that an input or output stands for."""
    lines = []
    offset = tensor.get("real_offset", 0.0)
    if offset:
        text = f"{offset:.9g}" if isinstance(offset, float) else "an offset by channel, in the manifest"
        lines += paragraph(f"{which}: real value = (integer - zero) * scale + {text}.")
    rule = tensor.get("quantizer")
    if rule:
        binary = rule["bits"] == 1 and rule["signed"]
        integers = "-1 and +1" if binary else f"{rule['low']} to {rule['high']}"
        lines += paragraph(f"{which}: takes the integers {integers}; the manifest's quantizer makes them of reals.")
    return lines


def _cost(manifest: Manifest, sizes: Mapping[str, Any]) -> list[str]:
    steps = manifest["steps"]
    macs = sum(step["macs"] for step in steps)
    weights, real = manifest["weights_bytes"], _float_bytes(manifest)
    parameters = sum(step["parameters"] for step in steps)
    pairs = [("MACs", f"{number(macs)} per inference, taps in the padding counted"), *_left_out(manifest)]
    estimate = [step.get("estimated_instructions") for step in steps]
    if steps and all(e is not None for e in estimate):
        total = sum(estimate)
        per_mac = f"{ratio(total, macs)} per MAC" if macs else "no MACs"
        pairs.append(("instructions", f"{number(total)} estimated, {per_mac} (edgeq bench measures them)"))
    pairs += [
        ("parameters", number(parameters)),
        ("weights", f"{number(weights)} bytes, {percent(weights, real)} of {number(real)} as float"),
        ("arena", _arena(manifest)),
        *_state(manifest),
        ("scratch", _scratch(manifest)),
        *_patches(manifest),
        *_attention(manifest),
    ]
    flash, ram = sizes.get("flash_bytes"), sizes.get("ram_bytes")
    if "text_bytes" in sizes:
        compiler = f" ({sizes['compiler']})" if sizes.get("compiler") else ""
        pairs.append(("code", f"{number(sizes['text_bytes'])} bytes{compiler}"))
    elif manifest["board"] != "host":
        pairs.append(("code", "not measured: pip install 'edgeq[emulate]' brings a compiler"))
    if "rodata_bytes" in sizes:
        pairs.append(("constants", f"{number(sizes['rodata_bytes'])} bytes, weights included"))
    if "text_bytes" in sizes and "rodata_bytes" in sizes and flash:
        used = sizes["text_bytes"] + sizes["rodata_bytes"]
        pairs.append(("flash", f"{number(used)} bytes, {percent(used, flash)} of the board's {number(flash)}"))
    if "stack_bytes" in sizes:
        pairs.append(("stack", f"{number(sizes['stack_bytes'])} bytes, measured by painting"))
    if ram:
        state = manifest["state_bytes"]
        used = manifest["arena_bytes"] + state + sizes.get("stack_bytes", 0)
        what = "arena, state" if state else "arena"
        what = f"{what} and stack" if "stack_bytes" in sizes else f"{what} without stack"
        pairs.append(("RAM", f"{number(used)} bytes ({what}), {percent(used, ram)} of the board's {number(ram)}"))
    return facts(pairs) + _arena_proof(manifest)


def _state(manifest: Manifest) -> list[tuple[str, str]]:
    size = manifest["state_bytes"]
    return [("state", f"{number(size)} bytes, kept from run to run, beside the arena")] if size else []


def _attention(manifest: Manifest) -> list[tuple[str, str]]:
    """The tiles of keys that attention scores at a time, and the arena if it kept all scores."""
    found = manifest.get("attention")
    if not found:
        return []
    tiles = sorted({(layer["tile"], layer["keys"]) for layer in found["layers"]})
    sizes = ", ".join(f"{tile} of {keys}" for tile, keys in tiles)
    whole = number(found["split_arena_bytes"])
    layers = count(len(found["layers"]), "layer")
    return [("attention", f"{layers}, scores of {sizes} keys at a time; with all scores about {whole} bytes")]


def _patches(manifest: Manifest) -> list[tuple[str, str]]:
    """How the first stage runs where the arena is too small for it in one piece."""
    patches = manifest.get("patches")
    if not patches:
        return []
    layers, rows = count(len(patches["layers"]), "layer"), count(patches["rows"], "row")
    extra = patches["extra_macs"]
    overlap = f"overlaps {patches['overlap']}" + (f", {number(extra)} MACs more" if extra > 0 else "")
    whole = number(patches["whole_arena_bytes"])
    return [
        ("patches", f"{patches['count']} of {rows} through the first {layers}, {overlap}; in one piece {whole} bytes")
    ]


def _left_out(manifest: Manifest) -> list[tuple[str, str]]:
    """What was not worth computing, where there was any."""
    removed = manifest.get("removed")
    if not removed or not removed["channels"]:
        return []
    lost = f"{count(removed['channels'], 'channel')} with {number(removed['macs'])} MACs"
    return [("left out", f"{lost} that never change or that nothing reads (--keep-dead computes them)")]


def _float_bytes(manifest: Manifest) -> int:
    return int(manifest.get("float_weights_bytes") or 4 * sum(step["parameters"] for step in manifest["steps"]))


def _arena(manifest: Manifest) -> str:
    arena, bound = manifest["arena_bytes"], manifest["arena_lower_bound"]
    if arena == bound:
        return f"{number(arena)} bytes, proved minimal (below)"
    if manifest.get("arena_proved"):
        return f"{number(arena)} bytes, proved minimal by trying all placements"
    return f"{number(arena)} bytes, {number(arena - bound)} above the lower bound of {number(bound)} (below)"


def _arena_proof(manifest: Manifest) -> list[str]:
    """What lives at the fullest step: no plan can be smaller than its sum."""
    peak = manifest.get("arena_peak")
    if not peak or not peak["buffers"]:
        return []
    index, steps = int(peak["step"]), manifest["steps"]
    layer = f" ({elide(steps[index]['name'], NAME_WIDTH)})" if index < len(steps) else ""
    bound = number(manifest["arena_lower_bound"])
    text = f"No arena can be smaller than {bound} bytes: at step {index}{layer} these must exist together."
    shared = sum(size or 0 for _, size in map(buffer, peak["buffers"])) - manifest["arena_lower_bound"]
    if shared > 0:
        text += (
            f" The output may reach into its input by {number(shared)} bytes: they are read before they are written."
        )
    columns = [Column("bytes", right=True), Column("tensor", flex=True)]
    rows = [[number(size), name] for name, size in map(buffer, peak["buffers"])]
    return ["", *paragraph(text), "", *table(columns, rows, indent=4)]


def buffer(text: str) -> tuple[str, int | None]:
    """(name, bytes) of an entry of the manifest's `arena_peak`, which reads `name (bytes)`."""
    name, _, size = text.rpartition(" (")
    digits = size.rstrip(")")
    return (name, int(digits)) if name and digits.isdigit() else (text, None)


def _scratch(manifest: Manifest) -> str:
    largest = max(manifest["steps"], key=lambda step: int(step["scratch_bytes"]), default=None)
    if largest is None or not largest["scratch_bytes"]:
        return "none"
    layer = elide(largest["name"], NAME_WIDTH)
    return f"{number(manifest['scratch_bytes'])} bytes at most, inside the arena ({layer})"


def _layers(steps: Sequence[Step]) -> list[str]:
    columns = [
        Column("#", right=True),
        Column("name", flex=True),
        Column("op"),
        Column("output"),
        Column("params", right=True),
        Column("MACs", right=True),
        Column("format"),
        Column("est. instr.", right=True),
        Column("share", right=True),
    ]
    total = sum(step.get("estimated_instructions") or 0 for step in steps)
    rows = []
    for step in steps:
        estimate = step.get("estimated_instructions")
        rows.append(
            [
                str(step["index"]),
                step["name"],
                step["op"],
                shape(step["output_shape"]),
                number(step["parameters"]),
                number(step["macs"]),
                step["formats"],
                number(estimate),
                "-" if estimate is None else percent(estimate, total),
            ]
        )
    return table(columns, rows)


def _arithmetic(manifest: Manifest) -> list[str]:
    rule = str(manifest["requantization"])
    pairs = [("requantization", f"{rule}: {_ROUNDING[rule]}" if rule in _ROUNDING else rule)]
    bounded = [step for step in manifest["steps"] if step.get("accumulator_bound") is not None]
    if bounded:
        worst = max(bounded, key=lambda step: int(step["accumulator_bound"]))
        text = (
            f"no sum of {count(len(bounded), 'layer')} can leave 32 bits; the largest, of "
            f"{elide(worst['name'], NAME_WIDTH)}, is at most {number(worst['accumulator_bound'])} "
            f"of {number(INT32_MAX)} for any input"
        )
        pairs.append(("accumulators", text))
    return facts(pairs)


def _kernels(steps: Sequence[Step]) -> list[str]:
    lines = []
    digits = len(str(len(steps)))
    indent = 2 + digits + 2
    for step in steps:
        lines += _full_name(f"  {step['index']:>{digits}}  ", step["name"])
        bound = step.get("accumulator_bound")
        bounded = "" if bound is None else f", accumulator at most {number(bound)}"
        lines.append(" " * indent + str(step["kernel"]) + bounded)
        why = str(step["reason"])
        if step.get("runner_up") and step["runner_up"] not in why:
            why += f"; runner-up {step['runner_up']}"
        lines += paragraph(why, indent=indent + 2)
    return lines


def _full_name(first: str, name: str) -> list[str]:
    """The whole name, broken only where TFLite joined several with `;`."""
    lines = [first]
    for index, part in enumerate(name.split(";")):
        text = part if index == 0 else f";{part}"
        if index and len(lines[-1]) + len(text) > WIDTH:
            lines.append(" " * len(first))
        lines[-1] += text
    return lines
