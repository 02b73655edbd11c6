"""GPTQ: weights are rounded one input after the other, and the later ones make up for the error of the earlier."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.formats.levels import Levels
from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.windows import patches
from edgeq.quant.methods.base import Method, Stage, counted
from edgeq.quant.quantize import Layer
from edgeq.quant.schemes import DEPTHWISE, WeightScheme
from edgeq.quant.walk import Step, walk
from edgeq.quant.work import Work, with_integers

DAMPING = 0.01
"""Of the mean of the Hessian's diagonal, added to it."""
POSITIONS = 4096
"""Rows of inputs from which a Hessian is made, at most; spread evenly over all."""


class Gptq(Method):
    """Least squares of the layer's output, with a Hessian of the inputs that the rounded network has there."""

    name = "gptq"
    summary = "weights rounded one after the other, later ones make up for earlier errors"
    stage = Stage.ROUND
    below_eight_bits = True
    source: ClassVar[str] = "Frantar et al., GPTQ, 2022"

    def apply(self, work: Work) -> str:
        count = 0

        def choose(step: Step) -> Layer:
            nonlocal count
            layer = work.layers[step.node.name]
            if work.scheme(step.node) == WeightScheme():
                return layer
            rows, levels = work.rows(step.node), layer.weights.levels
            hessians = input_products(step.node, step.input)
            integers = gptq(rows, levels, hessians)
            count += 1
            weights = with_integers(layer.weights, integers)
            bias = work.mean_bias(step.node, weights) if work.correct else layer.bias
            return Layer(weights, bias)

        walk(work, choose)
        return counted(count, "layer")


def input_products(node: Node, x: Array) -> Array:
    """X^T X of the rows of a layer's inputs that meet its weights: [1, n, n]; [rows, n, n] where rows read others."""
    if node.op == "dense":
        rows = x.reshape(-1, x.shape[-1])
        return _product(rows)[np.newaxis]
    a, shape = node.attrs, node.input(1).shape
    kernel = (shape[0], shape[1]) if node.op == DEPTHWISE else (shape[1], shape[2])
    view = patches(x, kernel, a["strides"], a["dilations"], a["pads"], 0)
    view = _some(view)
    if node.op == DEPTHWISE:
        by_channel = np.stack([_product(view[..., c].reshape(len(view), -1)) for c in range(x.shape[3])])
        return np.repeat(by_channel, shape[2] // x.shape[3], axis=0)
    group_c = shape[3]
    groups = [_product(view[..., g : g + group_c].reshape(len(view), -1)) for g in range(0, x.shape[3], group_c)]
    return np.repeat(np.stack(groups), 1 if len(groups) == 1 else shape[0] // len(groups), axis=0)


def _some(view: Array) -> Array:
    """Windows [N, OH, OW, KH, KW, C] of every so many images and positions, as [windows, KH, KW, C]."""
    n, oh, ow = view.shape[:3]
    every = max(1, -(-n * oh * ow // POSITIONS))
    flat = np.arange(0, n * oh * ow, every)
    return np.asarray(view[flat // (oh * ow), flat // ow % oh, flat % ow])


def _product(rows: Array) -> Array:
    rows = rows[:: max(1, -(-len(rows) // POSITIONS))]
    return np.asarray(rows.T @ rows / len(rows))


def gptq(rows: Array, levels: Levels, hessians: Array) -> Array:
    """Integers [r, n] of real rows; hessians: [1 or r, n, n], of the inputs.

    Columns go by falling diagonal. After column j was rounded, the columns left minimize the output's error for it: the
    update is the error over the diagonal of the Cholesky factor of the inverse Hessian, times its row.
    """
    if len(hessians) == 1:
        return _gptq(rows, levels, np.arange(len(rows)), hessians[0])
    parts = [_gptq(rows[r : r + 1], levels, np.array([r]), hessians[r]) for r in range(len(rows))]
    return np.concatenate(parts)


def _gptq(rows: Array, levels: Levels, which: Array, hessian: Array) -> Array:
    n = rows.shape[1]
    dead = np.diag(hessian) <= 0
    damped = hessian + np.diag(np.where(dead, 1.0, DAMPING * max(float(np.diag(hessian).mean()), 1e-30)))
    order = np.argsort(-np.diag(damped), kind="stable")
    inverse = np.linalg.inv(damped[np.ix_(order, order)])
    upper = np.linalg.cholesky((inverse + inverse.T) / 2).T
    own = Levels(levels.units[which], levels.scale[which], levels.size)
    group = own.group_of(n)[order]
    left = rows[:, order].astype(np.float64).copy()
    found = np.zeros((len(rows), n), dtype=np.int64)
    scale = own.scale[:, np.newaxis]
    for j in range(n):
        index = own.index_in(left[:, j : j + 1] / scale, group[j : j + 1])
        integers = own.units[np.arange(len(rows)), group[j], index[:, 0]]
        error = (left[:, j] - integers * own.scale) / upper[j, j]
        left[:, j + 1 :] -= error[:, np.newaxis] * upper[j, j + 1 :]
        found[:, order[j]] = integers
    return found
