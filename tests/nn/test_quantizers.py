"""The quantizers alone: values on their grids, the rules of rounding, and the gradients that training gets."""
# ruff: noqa: E402

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.errors import ModelDataError, UsageError
from tests.tools import need

need("torch")
import torch

from edgeq.nn import Activation, Conv2d, Linear, clip_weights_
from edgeq.nn.gradients import SIGNIFICANT_BITS, learned_step, proper_scale, sign, ternary
from edgeq.nn.quantizers import Quantizer, weight_quantizer

WEIGHTS = ["binary", "ternary", "ternary-median", *(f"int{bits}" for bits in range(2, 9))]
ACTIVATIONS = ["binary", *(f"int{bits}" for bits in range(2, 9)), *(f"uint{bits}" for bits in range(1, 9))]
some = settings(max_examples=20)


def weights_like(seed: int, size: float = 0.3) -> torch.Tensor:
    return torch.randn(5, 3, 3, 3, generator=torch.Generator().manual_seed(seed)) * size


def trained(quantizer: Quantizer, x: torch.Tensor) -> Quantizer:
    """The quantizer after one batch in training mode."""
    quantizer.train()(x)
    return quantizer.eval()


def integers(values: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """What the values are multiples of; fails unless each is exactly scale * integer."""
    found = (values / scale).round()
    assert torch.equal(found * scale, values)
    return found


@pytest.mark.parametrize("scale", ["channel", "tensor", "one"])
@pytest.mark.parametrize("name", WEIGHTS)
@given(seed=st.integers(0, 999), size=st.sampled_from([1e-6, 0.05, 1.0, 300.0]))
@some
def test_weights_are_exact_multiples_on_the_grid(name: str, scale: str, seed: int, size: float) -> None:
    w = weights_like(seed, size)
    quantizer = trained(weight_quantizer(name, scale, False, tuple(w.shape)), w)
    steps = quantizer.scale(w)
    assert steps.shape == ((5, 1, 1, 1) if scale == "channel" else ())
    found = integers(quantizer(w), steps)
    assert found.min() >= quantizer.grid.low and found.max() <= quantizer.grid.high
    if name == "binary":
        assert torch.equal(found, torch.where(w >= 0, 1.0, -1.0))
    else:
        nearest = np.rint(np.clip(w.numpy() / steps.detach().numpy(), quantizer.grid.low, quantizer.grid.high))
        assert np.array_equal(found.detach().numpy(), nearest)


@pytest.mark.parametrize("name", ACTIVATIONS)
@given(seed=st.integers(0, 999), size=st.sampled_from([1e-3, 1.0, 50.0]))
@some
def test_activations_are_exact_multiples_on_the_grid(name: str, seed: int, size: float) -> None:
    x = torch.randn(7, 40, generator=torch.Generator().manual_seed(seed)) * size
    activation = trained(Activation(name), x)
    found = integers(activation(x), activation.scale(x))
    assert found.min() >= activation.grid.low and found.max() <= activation.grid.high


@pytest.mark.parametrize(
    ("name", "narrow", "low", "high"),
    [("int4", False, -8, 7), ("int4", True, -7, 7), ("int2", True, -1, 1), ("int8", False, -128, 127)],
)
def test_ranges(name: str, narrow: bool, low: int, high: int) -> None:
    x = torch.tensor([[-1e9, 1e9]])
    assert Activation(name, step=0.5, narrow=narrow)(x).tolist() == [[low / 2, high / 2]]
    layer = Linear(2, 1, weights=name, narrow=narrow, scale="one")
    with torch.no_grad():
        layer.weight.copy_(x)
    assert layer.quantizer(layer.weight).tolist() == [[low, high]]


@pytest.mark.parametrize(("name", "high"), [("uint1", 1), ("uint2", 3), ("uint4", 15), ("uint8", 255)])
def test_unsigned_ranges(name: str, high: int) -> None:
    assert Activation(name, step=0.25)(torch.tensor([[-5.0, 1e9]])).tolist() == [[0, high / 4]]


def test_halves_go_to_even_and_zero_is_plus_one() -> None:
    x = torch.tensor([[0.5, 1.5, 2.5, -0.5, -1.5, -2.5]])
    assert Activation("int4", step=1.0)(x).tolist() == [[0, 2, 2, 0, -2, -2]]
    assert ternary(torch.tensor([0.5, -0.5, 0.51]), torch.tensor(1.0)).tolist() == [0, 0, 1]
    assert sign(torch.tensor([0.0, -0.0, -1e-30])).tolist() == [1, 1, -1]


def test_binary_and_ternary_scales_are_the_published_means() -> None:
    w = weights_like(4)
    size = w.abs().numpy()
    close = {"rtol": 2.0**-SIGNIFICANT_BITS}
    scale_of = {(n, s): weight_quantizer(n, s, False, tuple(w.shape)).scale(w).numpy() for n in WEIGHTS[:3] for s in
                ("channel", "tensor")}  # fmt: skip
    for name in ("binary", "ternary"):
        np.testing.assert_allclose(scale_of[name, "tensor"], size.mean(), **close)
        np.testing.assert_allclose(scale_of[name, "channel"], size.mean((1, 2, 3), keepdims=True), **close)
    np.testing.assert_allclose(
        scale_of["ternary-median", "tensor"], np.sort(size.ravel())[(size.size - 1) // 2], **close
    )
    medians = np.sort(size.reshape(5, -1), axis=1)[:, 13].reshape(5, 1, 1, 1)
    np.testing.assert_allclose(scale_of["ternary-median", "channel"], medians, **close)


@given(st.floats(1e-7, 1e7))
@some
def test_scales_are_short_so_that_sums_of_a_grid_are_exact(raw: float) -> None:
    scale = proper_scale(torch.tensor(raw))
    assert abs(scale.item() - raw) <= raw * 2.0**-SIGNIFICANT_BITS
    mantissa, _ = np.frexp(np.float64(scale.item()))
    assert (mantissa * 2**SIGNIFICANT_BITS).is_integer()
    counts = torch.arange(-2048, 2049)
    assert torch.equal((counts * scale).double(), counts.double() * scale.double())


def test_scales_of_zeros_are_small_but_there() -> None:
    zeros = torch.zeros(2, 4)
    assert weight_quantizer("binary", "channel", False, (2, 4)).scale(zeros).min() > 0
    assert torch.equal(weight_quantizer("ternary", "tensor", False, (2, 4))(zeros), zeros)


def test_sign_passes_gradients_within_one() -> None:
    x = torch.tensor([-1.5, -1.0, -0.3, 0.0, 0.9, 1.0, 1.01], requires_grad=True)
    (sign(x) * torch.arange(1.0, 8.0)).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [0, 2, 3, 4, 5, 6, 0]


def test_ternary_passes_every_gradient() -> None:
    w = torch.tensor([-3.0, -0.2, 0.1, 5.0], requires_grad=True)
    (ternary(w, torch.tensor(0.5)) * torch.arange(1.0, 5.0)).sum().backward()
    assert w.grad is not None and w.grad.tolist() == [1, 2, 3, 4]


def test_binary_weights_pass_gradients_to_sign_and_scale_as_in_xnor_net() -> None:
    w = (weights_like(8) * 3).requires_grad_()
    upstream = weights_like(9)
    (weight_quantizer("binary", "channel", False, tuple(w.shape))(w) * upstream).sum().backward()
    # Rastegari et al., section 3.1: d/dw = upstream * (d sign / dw * scale) + the mean's share, sign(w) / n each.
    signs = torch.where(w >= 0, 1.0, -1.0)
    scale = proper_scale(w.detach().abs().mean((1, 2, 3), keepdim=True))
    share = (upstream * signs).sum((1, 2, 3), keepdim=True) * signs / w[0].numel()
    assert w.grad is not None
    torch.testing.assert_close(w.grad, upstream * scale * (w.detach().abs() <= 1) + share)


@pytest.mark.parametrize(("low", "high"), [(-8, 7), (0, 15), (-1, 1), (-128, 127), (0, 1)])
@given(seed=st.integers(0, 999))
@some
def test_learned_steps_have_the_published_gradient(low: int, high: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = (torch.randn(6, 50, generator=generator, dtype=torch.float64) * high).requires_grad_()
    step = torch.rand(6, 1, generator=generator, dtype=torch.float64).add(0.5).requires_grad_()
    upstream = torch.randn(6, 50, generator=generator, dtype=torch.float64)
    got = torch.autograd.grad((learned_step(x, step, low, high, 0.25) * upstream).sum(), (x, step))

    # Where rounding is taken as the addition of a constant, quantization has a derivative; finite differences find it.
    rounded = ((x / step).clamp(low, high).round() - (x / step).clamp(low, high)).detach()

    def smooth(x: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        return ((x / step).clamp(low, high) + rounded) * step * upstream

    tiny = 1e-7
    with torch.no_grad():
        by_x = (smooth(x + tiny, step) - smooth(x - tiny, step)) / (2 * tiny)
        by_step = (smooth(x, step + tiny) - smooth(x, step - tiny)).sum(1, keepdim=True) / (2 * tiny)
    # At the ends of the range the smooth function has a kink; none of the random numbers lies on one.
    torch.testing.assert_close(got[0], by_x, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(got[1], by_step * 0.25, rtol=1e-5, atol=1e-4)


def test_learned_step_gradients_of_a_few_numbers() -> None:
    x = torch.tensor([-9.0, -8.0, -0.3, 0.3, 2.4, 6.9, 7.0, 9.0], requires_grad=True)
    step = torch.tensor(1.0, requires_grad=True)
    by_x, by_step = torch.autograd.grad(learned_step(x, step, -8, 7, 1.0).sum(), (x, step))
    assert by_x.tolist() == [0, 0, 1, 1, 1, 1, 0, 0]
    assert by_step.item() == pytest.approx(-8 - 8 + 0.3 - 0.3 - 0.4 + 0.1 + 7 + 7, abs=1e-5)


def test_steps_start_at_the_size_of_the_first_batch_and_are_learned() -> None:
    activation = Activation("uint4")
    x = torch.rand(8, 100)
    assert not activation.initialised
    activation.train()(x)
    assert activation.initialised
    assert activation.scale(x).item() == pytest.approx(2 * x.mean().item() / 15**0.5, rel=1e-3)
    before = activation.scale(x).item()
    optimizer = torch.optim.Adam(activation.parameters(), lr=0.01)
    for _ in range(100):
        optimizer.zero_grad()
        (activation(x) - x).square().mean().backward()
        optimizer.step()
    assert activation.scale(x).item() != before
    assert (activation(x) - x).square().mean() < 0.001


def test_a_batch_of_zeros_starts_no_step() -> None:
    activation = Activation("int4").train()
    activation(torch.zeros(2, 3))
    assert not activation.initialised
    activation(torch.ones(2, 3))
    assert activation.initialised


def test_steps_travel_with_the_state() -> None:
    layer, other = (Conv2d(3, 4, 3, weights="int4") for _ in range(2))
    layer.train()(torch.rand(1, 3, 5, 5))
    other.load_state_dict(layer.state_dict())
    x = torch.rand(1, 3, 5, 5)
    assert torch.equal(layer.eval()(x), other.eval()(x))


def test_eval_before_training_says_what_to_do() -> None:
    with pytest.raises(ModelDataError, match="run a batch in training mode"):
        Activation("int4").eval()(torch.ones(1, 1))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Activation("uint9"), "'uint9'"),
        (lambda: Activation("int1"), "'int1'"),
        (lambda: Activation("binary", step=0.5), "no step"),
        (lambda: Activation("int4", step=0.0), "positive"),
        (lambda: Linear(2, 2, weights="uint4"), "'uint4'"),
        (lambda: Linear(2, 2, weights="int4", scale="row"), "'row'"),
    ],
)
def test_wrong_names_are_named(call: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        call()  # type: ignore[operator]


def test_clipping_reaches_binary_weights_alone() -> None:
    model = torch.nn.Sequential(Linear(2, 2, weights="binary"), Linear(2, 2, weights="ternary"))
    with torch.no_grad():
        for layer in model:
            layer.weight.copy_(torch.tensor([[-3.0, -0.5], [0.5, 3.0]]))
    clip_weights_(model)
    assert model[0].weight.tolist() == [[-1, -0.5], [0.5, 1]]
    assert model[1].weight.tolist() == [[-3, -0.5], [0.5, 3]]


@pytest.mark.parametrize("name", WEIGHTS)
def test_training_lowers_the_loss(name: str) -> None:
    """Each quantizer lets a small network learn a function that it can represent."""
    torch.manual_seed(3)
    x = torch.randn(256, 16)
    labels = (x[:, :4].sum(1) > 0).long()
    layers = [Activation("int8"), Linear(16, 33, weights=name), torch.nn.BatchNorm1d(33), Activation("binary")]
    model = torch.nn.Sequential(*layers, Linear(33, 2, weights=name))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(80):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
    assert (model.eval()(x).argmax(1) == labels).float().mean() > 0.9
