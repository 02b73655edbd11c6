"""What qonnx computes from an exported file is what the PyTorch network computes: every integer of every layer."""
# ruff: noqa: E402

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.tools import ROOT, need

need("torch", "qonnx")
import torch
from torch import nn

from edgeq.nn import Activation, Linear, export
from edgeq.nn.quantizers import Quantizer
from tests.nn.networks import NETWORKS, trained
from tests.oracles.qonnx_execution import run_qonnx


def recorded(model: nn.Module, sample: torch.Tensor) -> tuple[list[np.ndarray], dict[str, list[np.ndarray]]]:
    """The outputs, and what each Activation gave, call by call."""
    seen: dict[str, list[np.ndarray]] = {}
    hooks = [
        module.register_forward_hook(lambda m, _, result, name=name: seen.setdefault(name, []).append(result.numpy()))
        for name, module in model.named_modules()
        if isinstance(module, Activation)
    ]
    with torch.no_grad():
        results = model(sample)
    for hook in hooks:
        hook.remove()
    return [r.numpy() for r in (results if isinstance(results, tuple) else (results,))], seen


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_qonnx_computes_the_same_integers(name: str, seed: int, tmp_path: Path) -> None:
    model, sample = trained(name, seed)
    file = export(model, sample, tmp_path / "network.onnx")
    proto = onnx.load(file)
    values = run_qonnx(file, {proto.graph.input[0].name: sample.numpy()})
    results, activations = recorded(model, sample)

    # Quantizer nodes come in the order of the calls; the constants of a module carry its name.
    levels: dict[str, list[np.ndarray]] = {}
    for node in proto.graph.node:
        owner = node.input[1].removesuffix(".scale") if node.op_type in ("Quant", "BipolarQuant") else ""
        if owner in activations:
            levels.setdefault(owner, []).append(values[node.output[0]])
    assert {owner: len(calls) for owner, calls in levels.items()} == {o: len(calls) for o, calls in activations.items()}
    for owner, calls in activations.items():
        for call, level in zip(calls, levels[owner], strict=True):
            assert len(np.unique(call)) > 1, f"{owner} says nothing about the network"
            np.testing.assert_array_equal(level, call)
    for output, result in zip(proto.graph.output, results, strict=True):
        np.testing.assert_allclose(values[output.name], result, rtol=1e-5, atol=1e-5 * np.abs(result).max())


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_are_frozen_on_their_grid(name: str, tmp_path: Path) -> None:
    model, sample = trained(name, 5)
    file = export(model, sample, tmp_path / "network.onnx")
    constants = {c.name: onnx.numpy_helper.to_array(c) for c in onnx.load(file).graph.initializer}
    quantizers = {n.removesuffix(".quantizer"): m for n, m in model.named_modules() if n.endswith(".quantizer")}
    assert quantizers
    for layer, quantizer in quantizers.items():
        assert isinstance(quantizer, Quantizer)
        scale, values = constants[f"{layer}.weight.scale"], constants[f"{layer}.weight"]
        integers = np.round(values / scale)
        assert np.array_equal((integers * scale).astype(np.float32), values)
        assert integers.min() >= quantizer.grid.low and integers.max() <= quantizer.grid.high
        with torch.no_grad():
            expected = quantizer(model.get_submodule(layer).weight).numpy()
        assert np.array_equal(values if values.shape == expected.shape else values.T, expected)


def test_inputs_outputs_and_nodes_have_the_names_of_the_model(tmp_path: Path) -> None:
    model, sample = trained("residual", 1)
    graph = onnx.load(export(model, sample, tmp_path / "network.onnx")).graph
    assert [value.name for value in graph.input] == ["image"]
    assert [value.name for value in graph.output] == ["output0", "output1"]
    assert {"stem", "norm", "trunk", "scores"} <= {node.name for node in graph.node}
    assert [d.dim_value for d in graph.input[0].type.tensor_type.shape.dim] == list(sample.shape)


def test_equal_models_make_equal_files(tmp_path: Path) -> None:
    files = [export(*trained("ternary_cnn", 3), tmp_path / name) for name in ("a.onnx", "b.onnx")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_export_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    model, sample = trained("residual", 2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    export(model, sample, tmp_path / "network.onnx")
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not model.training


def test_eval_mode_computes_sums_to_the_last_bit() -> None:
    torch.manual_seed(4)
    layer = Linear(4000, 3, weights="int8")
    x = Activation("int8", step=0.01)(torch.randn(5, 4000))
    layer.train()(x)
    exact = x.double() @ layer.quantizer(layer.weight).double().T + layer.bias.double()
    assert torch.equal(layer.eval()(x), exact.float())
    assert torch.equal(layer(x[:, torch.arange(4000)]), layer(x))


def test_the_page_on_training_says_what_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (ROOT / "docs" / "training.md").read_text("utf-8").split("```python\n")[1].split("```")[0]
    training = next(line for line in code.splitlines() if line.startswith("# ... train"))
    monkeypatch.chdir(tmp_path)
    exec(code.replace(training, "model.train()(torch.rand(8, 1, 8, 8))"), {})
    onnx.checker.check_model(onnx.load("digits.onnx"))
