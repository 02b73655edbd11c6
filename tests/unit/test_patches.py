"""A first stage in patches gives the bits of the whole, for every height, and its plan keeps what is still read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.arena_limit import Within, plan_within
from edgeq.boards import load_board
from edgeq.build import build_folder
from edgeq.emit import render_files
from edgeq.emulate import runner_for
from edgeq.emulate.harness import output_bytes, step_regions
from edgeq.errors import CapacityError
from edgeq.ir.graph import Graph
from edgeq.ir.types import Array, TensorType
from edgeq.kernels.features import kernel_features
from edgeq.kernels.select import Choice, select_kernels
from edgeq.ops import operator
from edgeq.ops.execute import run_integer
from edgeq.passes.check import check_graph
from edgeq.passes.patches import ROWS, Patched, in_patches, stages
from edgeq.plan import Plan, plan_memory
from edgeq.plan.places import moves_nothing, read_of
from tests.tools import need
from tests.unit.image_networks import Images, image_networks

HOST = frozenset({"host"})
FACTS = {
    "name": "net",
    "board": "host",
    "optimize": "speed",
    "source": {"file": "net", "sha256": "0" * 64, "format": "test", "quantized_by": "model"},
}


def ways(graph: Graph) -> list[Patched]:
    """Every stage in patches of every height, overlaps kept and computed again."""
    found = []
    for stage in stages(graph):
        for rows in range(1, stage.result.shape[ROWS]):
            found += [in_patches(graph, stage, rows, kept) for kept in (True, False)]
    return [patched for patched in found if patched is not None]


def samples(graph: Graph, count: int = 2) -> Array:
    return np.random.default_rng(3).integers(-128, 128, (count, *graph.inputs[0].shape[1:])).astype(np.int8)


def planned(graph: Graph, features: frozenset[str] = HOST) -> tuple[Plan, dict[int, Choice]]:
    still = moves_nothing(graph)
    choices = select_kernels([n for n in graph.nodes if id(n) not in still], features, "speed")
    return plan_memory(graph, choices, 20), choices


def assert_as_far_apart_as_kernels_want(plan: Plan, choices: dict[int, Choice]) -> None:
    """Outputs share memory with the inputs of their step only in place, or as far before input 0 as the row says."""
    for node in plan.steps:
        choice, start = choices[id(node)], plan.offset(node.output)
        for index, value in enumerate(node.inputs):
            if value is None or value.is_constant:
                continue
            first, size = read_of(node, value)
            other = plan.offset(value)
            apart = start + node.output.type.bytes <= other + first or other + first + size <= start
            in_place = index in choice.in_place and start == other
            before = index == 0 and choice.overlap is not None and start + choice.overlap <= other
            assert apart or in_place or before, node.name


def run_in_arena(graph: Graph, plan: Plan, x: Array) -> bytes:
    """One inference where every value exists only as the bytes of its place in the arena."""
    arena = bytearray(np.random.default_rng(9).bytes(plan.arena_bytes))
    start = plan.offset(graph.inputs[0])
    arena[start : start + x.nbytes] = x.tobytes()
    for node in plan.steps:
        operands = [
            None if v is None else v.constant if v.is_constant else _read(arena, plan.offset(v), v.type)
            for v in node.inputs
        ]
        (result,) = operator(node.op).compute_integer(node, operands)
        start = plan.offset(node.output)
        arena[start : start + result.nbytes] = result.tobytes()
    (y,) = graph.outputs
    return bytes(arena[plan.offset(y) : plan.offset(y) + y.type.bytes])


def _read(arena: bytearray, offset: int, kind: TensorType) -> Array:
    return np.frombuffer(arena, kind.dtype.numpy, kind.elements, offset).reshape(kind.shape).copy()


@settings(max_examples=15, deadline=None)
@given(image_networks(), st.data())
def test_patches_of_every_height_give_the_bits_of_the_whole(graph: Graph, data: st.DataObject) -> None:
    x = samples(graph)
    wanted = run_integer(graph, {"x": x})
    everything = ways(graph)
    for patched in everything:
        check_graph(patched.graph, "patches")
        found = run_integer(patched.graph, {"x": x})
        assert all(np.array_equal(found[name], wanted[name]) for name in wanted)
        assert patched.extra_macs <= 0 or not patched.kept  # rows that nothing reads are not computed
    if everything:
        patched = data.draw(st.sampled_from(everything))
        plan, choices = planned(patched.graph)
        assert plan.arena_bytes >= plan.lower_bound
        assert_as_far_apart_as_kernels_want(plan, choices)
        assert run_in_arena(patched.graph, plan, x[:1]) == wanted[graph.outputs[0].name][:1].tobytes()


def separable(height: int = 24) -> Graph:
    """What a mobile network starts with: the second activation is the largest."""
    net = Images(height, 12, 1, 1)
    net.weighted("conv2d", 8, 3, 3, 1, strides=(2, 2), pads=(0, 0, 1, 1))
    net.weighted("depthwise_conv2d", 3, 3, 8, pads=(1, 1, 1, 1))
    net.weighted("conv2d", 16, 1, 1, 8)
    net.weighted("depthwise_conv2d", 3, 3, 16, strides=(2, 2), pads=(0, 0, 1, 1))
    return net.finish()


def test_stages_end_where_one_value_leaves_them() -> None:
    net = Images(8, 4, 4, 0)
    first = net.weighted("conv2d", 4, 3, 3, 4, pads=(1, 1, 1, 1))
    net.weighted("conv2d", 4, 1, 1, 4)
    net.add("add", first)
    net.add("reshape", shape=(1, 128))
    graph = net.finish()
    assert [[n.op for n in stage.nodes] for stage in stages(graph)] == [["conv2d"], ["conv2d", "conv2d", "add"]]


def test_an_input_that_is_read_again_later_makes_no_stage() -> None:
    net = Images(8, 4, 4, 0)
    x = net.last
    net.weighted("conv2d", 4, 1, 1, 4)
    net.add("reshape", shape=(1, 8, 4, 4))
    net.add("add", x)
    assert stages(net.finish()) == []


def test_a_pooling_of_everything_adds_band_by_band() -> None:
    net = Images(12, 6, 4, 0)
    net.weighted("depthwise_conv2d", 3, 3, 4, pads=(1, 1, 1, 1))
    net.add("avg_pool2d", kernel=(12, 6))
    graph = net.finish()
    patched = in_patches(graph, stages(graph)[-1], 5, kept=True)
    assert patched is not None and patched.graph.outputs == graph.outputs
    ops = [n.op for n in planned(patched.graph)[0].steps]
    assert ops == [*["depthwise_conv2d", "sum_pixels"] * 3, "average_sums"]
    plan, _ = planned(patched.graph)
    assert plan.arena_bytes < 12 * 6 * 4 + 7 * 6 * 4  # the layer's output never exists as a whole
    x = samples(graph)
    x[0] = 127
    (y,) = graph.outputs
    np.testing.assert_array_equal(run_integer(patched.graph, {"x": x})[y.name], run_integer(graph, {"x": x})[y.name])


def test_overlaps_cost_multiplications_or_copies() -> None:
    graph = separable()
    (stage,) = [s for s in stages(graph) if len(s.nodes) == 4]
    again, kept = (in_patches(graph, stage, 1, kept) for kept in (False, True))
    assert again is not None and kept is not None
    # A row of the last layer reads 3 rows of the third; these need 5 rows of the first, of which 3 exist already.
    for patched, heights in ((again, [5, 3, 3, 1]), (kept, [2, 2, 2, 1])):
        layers = [n for n in patched.graph.nodes if n.name.endswith("[patch 3/6]") and "conv2d" in n.op]
        assert [n.output.shape[ROWS] for n in layers] == heights
    assert again.extra_macs > 0 and kept.extra_macs == 0
    steps = planned(kept.graph)[0].steps
    copies = [n.name.split()[0] for n in steps if n.op == "slice"]
    assert copies == ["conv2d0", "conv2d2"] * 4 + ["conv2d2"]  # the last patch finds all rows of the first layer
    assert not [n for n in planned(again.graph)[0].steps if n.op in ("slice", "concat")]


def test_a_limit_under_the_whole_takes_patches_and_says_so() -> None:
    graph = separable()
    whole = plan_within(graph, HOST, "speed", None)
    least = min(planned(p.graph)[0].arena_bytes for p in ways(graph))
    assert least < 0.9 * whole.plan.arena_bytes
    found = plan_within(graph, HOST, "speed", least)
    facts = found.facts()
    assert found.patched is not None and facts is not None
    assert found.plan.arena_bytes <= least < facts["whole_arena_bytes"] <= whole.plan.arena_bytes
    assert facts["layers"] == [n.name for n in found.patched.stage.nodes]
    assert facts["count"] == -(-found.patched.stage.result.shape[ROWS] // facts["rows"])
    x = samples(graph)
    (y,) = graph.outputs
    np.testing.assert_array_equal(run_integer(found.graph, {"x": x})[y.name], run_integer(graph, {"x": x})[y.name])


def test_what_does_not_fit_in_patches_is_refused_with_the_least_reached() -> None:
    with pytest.raises(CapacityError, match=r"takes [5-9]\d\d bytes with its first stage in patches .* is 400"):
        plan_within(separable(), HOST, "speed", 400)


def test_bands_of_one_layer_share_tables_and_descriptors() -> None:
    graph = separable()
    files, manifest = rendered(plan_within(graph, HOST, "speed", _small(graph)))
    convolutions = [s for s in manifest["steps"] if s["op"] == "conv2d"]
    assert len(convolutions) > 6
    assert files["net.c"].count("static const edgeq_conv2d_t") < len(convolutions)
    whole, _ = rendered(plan_within(graph, HOST, "speed", None))
    tables = [text.count("\nconst int8_t") for text in (files["net_weights.c"], whole["net_weights.c"])]
    assert tables[0] == tables[1]
    names = [s["name"] for s in manifest["steps"]]
    assert len(set(names)) == len(names) and any("[patch 2/" in name for name in names)


def _small(graph: Graph) -> int:
    return min(planned(p.graph)[0].arena_bytes for p in ways(graph))


def rendered(found: Within) -> tuple[dict[str, str], dict[str, object]]:
    return render_files(found.graph, found.plan, found.choices, {**FACTS, "patches": found.facts()})


@pytest.mark.parametrize("board", ["host", "cortex-m4", "cortex-m55", "riscv"])
def test_the_c_gives_the_bits_of_the_whole_step_by_step(board: str, tmp_path: Path) -> None:
    need(*{"host": ["cc"], "cortex-m55": ["qemu-arm", "zig"]}.get(board, ["unicorn", "zig"]))
    target = load_board(board)
    features = kernel_features(target)
    net = Images(19, 6, 4, 5)  # no stride divides anything, rows of 24 bytes
    first = net.weighted("conv2d", 8, 5, 3, 4, strides=(2, 1), pads=(2, 1, 2, 1))
    net.weighted("depthwise_conv2d", 3, 3, 8, dilations=(2, 2), pads=(2, 2, 2, 2))
    net.add("add", first)
    net.add("max_pool2d", kernel=(3, 2), strides=(2, 2), pads=(1, 0, 1, 0))
    net.add("avg_pool2d", kernel=(2, 2), strides=(1, 1), pads=(1, 0, 0, 1))
    net.add("avg_pool2d", kernel=net.last.shape[1:3])
    graph = net.finish()
    *_, rows, stage = stages(graph)
    assert rows.pool is None and stage.pool is graph.nodes[-1]
    x = samples(graph, 3)
    wanted = run_integer(graph, {"x": x})[graph.outputs[0].name]
    for kept in (True, False) if target.is_host else (True,):
        patched = in_patches(graph, stage, 2, kept)
        assert patched is not None
        still = moves_nothing(patched.graph)
        choices = select_kernels([n for n in patched.graph.nodes if id(n) not in still], features, "speed")
        plan = plan_memory(patched.graph, choices)
        files, manifest = render_files(patched.graph, plan, choices, {**FACTS, "board": board})
        folder = tmp_path / str(kept)
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, "utf-8")
        work = folder / "build"
        work.mkdir()
        program = build_folder(folder, manifest, target, work, profile=True, sanitize=target.is_host)
        result = runner_for(target).run(
            program,
            [one.tobytes() for one in x],
            output_bytes=output_bytes(manifest),
            step_regions=step_regions(manifest),
            trace=True,
        )
        assert b"".join(result.outputs) == wanted.tobytes()
        values: dict[str, bytes] = {}
        run_integer(patched.graph, {"x": x[:1]}, lambda v, array, kept=values: kept.update({v.name: array.tobytes()}))
        assert result.step_outputs is not None
        for step, raw in zip(manifest["steps"], result.step_outputs[0], strict=True):
            assert raw == values[step["outputs"][0]["name"]], step["name"]
