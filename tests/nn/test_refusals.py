"""What cannot become exact integers is refused before a file is written, with the module's name and what to do."""
# ruff: noqa: E402

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edgeq.errors import EdgeqError, ModelDataError, UnsupportedError, UsageError
from tests.tools import need

need("torch")
import torch
from torch import Tensor, nn

from edgeq.nn import Activation, Conv2d, Linear, export


def named(**layers: nn.Module) -> nn.Sequential:
    model = nn.Sequential()
    for name, layer in layers.items():
        model.add_module(name, layer)
    return model


def image() -> Activation:
    return Activation("uint8", step=1 / 255)


def conv(inputs: int = 1, **other: object) -> Conv2d:
    return Conv2d(inputs, 2, 3, **{"weights": "ternary", **other})  # type: ignore[arg-type]


class Sum(nn.Module):
    """Two branches, added."""

    def __init__(self, first: nn.Module, second: nn.Module, join: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.image, self.first, self.second, self.join = image(), first, second, join

    def forward(self, x: Tensor) -> Tensor:
        x = self.image(x)
        return self.join(self.first(x), self.second(x))


class Looping(nn.Module):
    """Does as many steps as its input says."""

    def __init__(self) -> None:
        super().__init__()
        self.image = image()

    def forward(self, x: Tensor) -> Tensor:
        return self.image(x) if x.sum() > 0 else x


def fine(step: float) -> nn.Module:
    return Activation("uint4", step=step)


REFUSALS: dict[str, tuple[Callable[[], nn.Module], str, str]] = {
    "raw input": (lambda: named(first=conv()), "first (Conv2d)", "the model's raw input"),
    "sums": (lambda: named(a=image(), b=conv(), c=conv(2)), "c (Conv2d)", "sums that no Activation has quantized"),
    "norm before a layer": (
        lambda: named(a=image(), b=nn.BatchNorm2d(1), c=conv()),
        "c (Conv2d)",
        "sums that no Activation has quantized",
    ),
    "relu of binary": (
        lambda: named(a=Activation("binary"), b=nn.ReLU(), c=conv()),
        "c (Conv2d)",
        "sums that no Activation has quantized",
    ),
    "pooled, not quantized": (
        lambda: named(a=image(), b=nn.AvgPool2d(2), c=conv()),
        "c (Conv2d)",
        "sums that no Activation has quantized",
    ),
    "average of sums": (lambda: named(a=image(), b=conv(), c=nn.AvgPool2d(2)), "c (AvgPool2d)", "sums"),
    "real weights": (lambda: named(a=image(), head=nn.Conv2d(1, 2, 3)), "head (Conv2d)", "use edgeq.nn.Conv2d"),
    "recurrent": (lambda: named(a=image(), b=nn.Flatten(2), rnn=nn.RNN(36, 3)), "rnn (RNN)", "cannot be exported"),
    "softmax": (lambda: named(a=image(), end=nn.Softmax(1)), "end (Softmax)", "cannot be exported"),
    "function": (lambda: Sum(fine(1), fine(1), torch.mul), "mul (mul)", "cannot be exported"),
    "two scales": (lambda: Sum(fine(0.5), fine(0.25), torch.add), "add (add)", "different scales, 0.5 and 0.25"),
    "sum of sums": (lambda: Sum(conv(), conv(), torch.add), "add (add)", "not all quantized"),
    "scaled sum": (lambda: Sum(fine(1), fine(1), lambda a, b: torch.add(a, b, alpha=2)), "add (add)", "keyword"),
    "reflected": (lambda: named(a=image(), b=conv(padding=1, padding_mode="reflect")), "b (Conv2d)", "'reflect'"),
    "padding by word": (lambda: named(a=image(), b=conv(padding="same")), "b (Conv2d)", "'same'"),
    "binary padded with 0": (
        lambda: named(a=Activation("binary"), pad=nn.ZeroPad2d(1), b=conv()),
        "pad (ZeroPad2d)",
        "-1 and +1",
    ),
    "padded off the grid": (
        lambda: named(a=Activation("uint4", step=0.5), pad=nn.ConstantPad2d(1, 0.7)),
        "pad (ConstantPad2d)",
        "0 to 15 times 0.5",
    ),
    "no statistics": (
        lambda: named(a=image(), b=nn.BatchNorm2d(1, track_running_stats=False)),
        "b (BatchNorm2d)",
        "no running statistics",
    ),
    "coarse pool": (lambda: named(a=image(), b=nn.AdaptiveAvgPool2d(2)), "b (AdaptiveAvgPool2d)", "[2, 2]"),
    "nothing quantized": (lambda: named(a=nn.Flatten()), "output", "no Activation"),
    "loop": (Looping, "", "cannot be traced"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_not_exact_is_refused(case: str, tmp_path: Path) -> None:
    build, where, words = REFUSALS[case]
    with pytest.raises(UnsupportedError) as caught:
        export(build().eval(), torch.ones(1, 1, 6, 6), tmp_path / "x.onnx")
    assert (caught.value.where or "") == where
    assert words in str(caught.value)
    assert not (tmp_path / "x.onnx").exists()


def test_the_refused_networks_are_fine_with_what_the_hints_say(tmp_path: Path) -> None:
    """So that the cases above are refused for their reason and no other."""
    shared = Activation("int8", step=1 / 8)
    quantized = named(a=image(), b=nn.BatchNorm2d(1), q=fine(0.1), c=conv(), r=fine(0.1), p=nn.AvgPool2d(2), s=shared)
    join = Sum(nn.Sequential(conv(padding=1), shared), nn.Sequential(conv(padding=1), shared), torch.add)
    padded = named(a=Activation("binary"), pad=nn.ConstantPad2d(1, -1.0), b=conv())
    for model in (quantized, join, padded):
        export(model.eval(), torch.ones(1, 1, 6, 6), tmp_path / "x.onnx")


def refusal(error: type[EdgeqError], model: nn.Module, sample: object, path: Path) -> EdgeqError:
    with pytest.raises(error) as caught:
        export(model, sample, path / "x.onnx")  # type: ignore[arg-type]
    return caught.value


def test_training_mode_is_refused(tmp_path: Path) -> None:
    model = named(a=image(), drop=nn.Dropout(0.5), b=conv()).eval()
    model.drop.train()
    error = refusal(UsageError, model, torch.ones(1, 1, 6, 6), tmp_path)
    assert error.where == "drop" and "model.eval()" in str(error)


@pytest.mark.parametrize(("layer", "where"), [(Activation("int4"), "b"), (conv(weights="int4"), "b.quantizer")])
def test_steps_without_value_are_refused(layer: nn.Module, where: str, tmp_path: Path) -> None:
    error = refusal(ModelDataError, named(a=image(), b=layer).eval(), torch.ones(1, 1, 6, 6), tmp_path)
    assert error.where == where and "no value yet" in str(error)


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    model = named(a=image(), b=conv()).eval()
    with torch.no_grad():
        model.b.weight[0, 0, 0, 0] = float("nan")
    assert refusal(ModelDataError, model, torch.ones(1, 1, 6, 6), tmp_path).where == "b.weight"


def test_doubles_are_refused(tmp_path: Path) -> None:
    model = named(a=image(), b=conv()).eval()
    assert refusal(UsageError, model.double(), torch.ones(1, 1, 6, 6), tmp_path).where == "a.step.raw"
    error = refusal(UsageError, model.float(), torch.ones(1, 1, 6, 6, dtype=torch.float64), tmp_path)
    assert "float32 tensors" in str(error)


def test_samples_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    model = named(a=image(), b=nn.Flatten(), c=Linear(36, 2, weights="binary")).eval()
    assert "does not run on the sample" in str(refusal(UsageError, model, torch.ones(1, 1, 5, 5), tmp_path))
    assert "does not run on the sample" in str(refusal(UsageError, model, (torch.ones(1), torch.ones(1)), tmp_path))
