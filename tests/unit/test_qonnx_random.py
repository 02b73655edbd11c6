"""Random QONNX networks: the folded integers stand for exactly what qonnx computes, on every sample."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.qonnx_models import by_edgeq, disagreements, folded
from tests.unit.random_qonnx import random_net

SEEDS = 36


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_networks_equal_qonnx(seed: int) -> None:
    data, samples = random_net(seed)
    assert disagreements(data, samples) == 0


def test_the_random_networks_are_not_trivial() -> None:
    ops: set[str] = set()
    varying = 0
    for seed in range(SEEDS):
        data, samples = random_net(seed)
        graph = folded(data)
        ops.update(n.op for n in graph.nodes)
        varying += sum(len(np.unique(a, axis=0)) > 1 for a in by_edgeq(graph, samples).values())
    assert ops >= {"conv2d", "depthwise_conv2d", "dense", "table", "add", "sub", "concat", "max_pool2d"}
    assert varying > SEEDS
