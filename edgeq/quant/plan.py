"""A quantization plan: which layer stores its weights and its outputs how. A small TOML file that a person can edit.

model = "5c0f..."            # SHA-256 of the model's file; without this line the plan fits any model with these layers

[methods]                    # settings of the quantizer that hold for all layers
...

[layers.conv1]               # by the node's name; layers that are not named have int8 weights and a8 activations
weights = "int4:g32"         # as convert --weights takes it
activations = "au4"          # how the layer's output is stored: a16, a8, au4, a4, au2, a2, au1, a1
"""

from __future__ import annotations

import difflib
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeq.errors import EdgeqError, UsageError
from edgeq.ir.graph import Graph, Node
from edgeq.ops.registry import operator, operators
from edgeq.quant.schemes import DEFAULT, WeightScheme, parse_scheme

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PLAIN = "a8"
ACTIVATIONS = (PLAIN, "au4", "a4", "au2", "a2", "au1", "a1")
"""Formats of at most eight bits that a layer's output may have."""
WIDE = "a16"
"""int16 outputs, of operators that have kernels for them."""
OUTPUTS = (*ACTIVATIONS, WIDE)
"""All formats that a layer's output may have."""
ELEMENTWISE = ("add", "sub", "mul")
"""Operators without weights whose outputs may have fewer than eight bits: they clamp to any range of integers."""

_KEYS = ("weights", "activations")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class LayerPlan:
    """How one layer is stored. activations: a name of `OUTPUTS`, the format of its output."""

    weights: WeightScheme = field(default_factory=WeightScheme)
    activations: str = PLAIN

    @property
    def is_default(self) -> bool:
        return self == LayerPlan()


@dataclass(frozen=True)
class Plan:
    """Layers by node name; methods: settings of the quantizer; model: SHA-256 of the model's file, or "" for any."""

    layers: Mapping[str, LayerPlan] = field(default_factory=dict)
    methods: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""

    def layer(self, name: str) -> LayerPlan:
        """What the plan says of a layer; int8 and a8 where it says nothing."""
        return self.layers.get(name, LayerPlan())

    @staticmethod
    def of_weights(schemes: Mapping[str, WeightScheme]) -> Plan:
        """The plan in which only weights are chosen."""
        return Plan({name: LayerPlan(scheme) for name, scheme in schemes.items()})


def read_plan(path: Path | str) -> Plan:
    """Raises UsageError that names the file, the layer and the line's key."""
    file = Path(path)
    try:
        return parse_plan(file.read_text("utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the plan cannot be read: {error}", where=str(file)) from None


def parse_plan(text: str, where: str = "plan") -> Plan:
    """Reads a plan's TOML. Raises UsageError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"not a TOML file: {error}", where=where) from None
    _known(data, ("model", "methods", "layers"), where)
    model = data.get("model", "")
    if not isinstance(model, str):
        raise UsageError("`model` is the SHA-256 of a file, as text", where=where)
    layers = {name: _layer(entry, f"{where}, layer {name!r}") for name, entry in _table(data, "layers", where).items()}
    return Plan(layers, _table(data, "methods", where), model)


def _table(data: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    table = data.get(key, {})
    if not isinstance(table, dict):
        raise UsageError(f"`{key}` is a table: [{key}]", where=where)
    return table


def _layer(entry: Any, where: str) -> LayerPlan:
    if not isinstance(entry, dict):
        raise UsageError("a layer is a table with `weights`, `activations` or both", where=where)
    _known(entry, _KEYS, where)
    for key, value in entry.items():
        if not isinstance(value, str):
            raise UsageError(f"`{key}` is a format's name, as text", where=where)
    activations = entry.get("activations", PLAIN)
    if activations not in OUTPUTS:
        raise UsageError(
            f"{activations!r} is not a format of activations", where=where, hint=f"use one of: {', '.join(OUTPUTS)}"
        )
    try:
        return LayerPlan(parse_scheme(entry.get("weights", DEFAULT)), activations)
    except EdgeqError as error:
        error.where = where
        raise


def _known(table: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    if unknown := sorted(set(table) - set(keys)):
        raise UsageError(f"unknown key {unknown[0]!r}", where=where, hint=f"known are: {', '.join(keys)}")


def plan_text(plan: Plan, comment: str = "") -> str:
    """The plan as TOML, layers in their order, defaults left out. comment: lines for the top of the file."""
    printable = ("".join(c if c.isprintable() else " " for c in line) for line in comment.splitlines())
    lines = [f"# {line}".rstrip() for line in printable]
    if plan.model:
        lines += [f"model = {_literal(plan.model)}"]
    if plan.methods:
        lines += ["", "[methods]"] + [f"{_key(k)} = {_literal(v)}" for k, v in plan.methods.items()]
    for name, layer in plan.layers.items():
        lines += ["", f"[layers.{_key(name)}]"]
        if layer.weights != WeightScheme() or layer.is_default:
            lines.append(f'weights = "{layer.weights}"')
        if layer.activations != PLAIN:
            lines.append(f'activations = "{layer.activations}"')
    return "\n".join(lines).lstrip("\n") + "\n"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _literal(name)


def _literal(value: Any) -> str:
    """A TOML value: text, numbers, booleans and lists of them."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_literal, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def check_plan(plan: Plan, graph: Graph, sha256: str = "") -> None:
    """Whether a plan can be applied to a real graph. Raises UsageError listing layers that are not there.

    sha256: of the model's file.
    """
    if plan.model and sha256 and plan.model != sha256:
        raise UsageError(
            "the plan was made for another model file (its `model` is not this file's SHA-256)",
            hint="make a new one with edgeq tune, or delete the line `model = ...` to use it all the same",
        )
    nodes = {node.name: node for node in graph.nodes}
    for name, layer in plan.layers.items():
        if name not in nodes:
            raise UsageError(
                f"the plan names a layer {name!r} that the model does not have", hint=_nearest(name, nodes)
            )
        _check_layer(nodes[name], layer)


def _nearest(name: str, nodes: Mapping[str, Node]) -> str:
    near = difflib.get_close_matches(name, nodes, n=3, cutoff=0.5)
    planned = [n.name for n in nodes.values() if operator(n.op).accumulates or n.op in ELEMENTWISE]
    return f"did you mean {' or '.join(near)}?" if near else f"its layers are: {', '.join(planned)}"


def _check_layer(node: Node, layer: LayerPlan) -> None:
    weighted = operator(node.op).accumulates
    if layer.weights != WeightScheme() and not weighted:
        raise UsageError(f"{node.op} has no weights to store as {layer.weights}", where=node.name)
    if layer.activations == WIDE:
        _check_wide(node, layer)
    if layer.activations in (PLAIN, WIDE):
        return
    if not weighted and node.op not in ELEMENTWISE:
        raise UsageError(
            f"the output of {node.op} keeps the format of its input, or eight bits",
            where=node.name,
            hint="give `activations` to the layer before it",
        )
    if not weighted and layer.activations == "a1":
        raise UsageError(f"{node.op} cannot give -1 and +1", where=node.name, hint="use au1")
    if layer.weights.group:
        raise UsageError(
            f"no kernel has both weights in groups ({layer.weights}) and outputs below eight bits",
            where=node.name,
            hint=f"use {layer.weights.name} without groups, or activations = {PLAIN!r}",
        )
    lowest = node.attrs.get("clamp_min")
    if layer.activations == "a1" and lowest is not None and lowest >= 0:
        raise UsageError(
            "the output is never negative, so -1 and +1 cannot tell anything about it",
            where=node.name,
            hint="use au1",
        )


def gives_wide(node: Node) -> bool:
    """Whether a plan may ask for int16 from this node."""
    row = operator(node.op)
    return row.gives_wide and not row.keeps_quantization


def _check_wide(node: Node, layer: LayerPlan) -> None:
    if operator(node.op).keeps_quantization:
        raise UsageError(
            f"the output of {node.op} keeps the format of its input",
            where=node.name,
            hint="give `activations` to the layer before it",
        )
    if not gives_wide(node):
        able = sorted(row.name for row in operators() if row.gives_wide and not row.keeps_quantization)
        raise UsageError(
            f"no kernel of {node.op} gives {WIDE}", where=node.name, hint=f"those that do: {', '.join(able)}"
        )
    if layer.weights.group:
        raise UsageError(
            f"no kernel has both weights in groups ({layer.weights}) and {WIDE} outputs",
            where=node.name,
            hint=f"use {layer.weights.name} without groups, or activations = {PLAIN!r}",
        )
