"""A manifest as emit writes it, for tests that need no model."""

from __future__ import annotations

from typing import Any


def step(index: int, name: str, op: str, **changes: Any) -> dict[str, Any]:
    """One step of a manifest."""
    return {
        "index": index,
        "name": name,
        "op": op,
        "kernel": f"edgeq_{op}_a8_w8__c",
        "reason": "the only kernel for this shape",
        "runner_up": None,
        "formats": "a8 w8",
        "estimated_instructions": 1000,
        "int8_estimate": None,
        "macs": 0,
        "parameters": 0,
        "weights_bytes": 0,
        "scratch_bytes": 0,
        "scratch_offset": None,
        "output_shape": [1, 25, 5, 64],
        "outputs": [{"name": f"{name}:0", "offset": 0, "in_state": False, "bytes": 8000, "dtype": "int8"}],
        "accumulator_bound": None,
        **changes,
    }


def manifest(**changes: Any) -> dict[str, Any]:
    """Keyword spotting, shortened to four layers."""
    prefix = "functional_1/activation/Relu;functional_1/batch_normalization/FusedBatchNormV3;functional_1"
    steps = [
        step(
            0,
            f"{prefix}/conv2d/BiasAdd",
            "conv2d",
            reason="fastest estimate, 1.42 times less than edgeq_conv2d_a8_w8__c",
            kernel="edgeq_conv2d_a8_w8_columns__c",
            runner_up="edgeq_conv2d_a8_w8__c",
            estimated_instructions=1_234_567,
            macs=320_000,
            parameters=2_624,
            weights_bytes=3_072,
            scratch_bytes=640,
            accumulator_bound=1_234_567,
        ),
        step(
            1,
            f"{prefix}/depthwise_conv2d/depthwise",
            "depthwise_conv2d",
            kernel="edgeq_depthwise_conv2d_a8_w8_3x3__c",
            estimated_instructions=999_999,
            macs=72_000,
            parameters=640,
            weights_bytes=1_088,
            accumulator_bound=99_000,
        ),
        step(2, "mean", "mean", kernel="edgeq_mean_a8__c", output_shape=[1, 64]),
        step(3, "softmax", "softmax", kernel="edgeq_softmax_a8__c", output_shape=[1, 12]),
    ]
    return {
        "edgeq": "0.1.0",
        "abi": 1,
        "name": "kws",
        "board": "cortex-m4",
        "optimize": "balanced",
        "source": {"file": "kws_dscnn_int8.tflite", "sha256": "ab" * 32, "format": "tflite"},
        "requantization": "litert_reference",
        "inputs": [
            {
                "name": "input_1",
                "shape": [1, 49, 10, 1],
                "dtype": "int8",
                "format": "",
                "packed": False,
                "scale": 0.5847029089927673,
                "zero_point": 83,
                "offset": 8000,
                "bytes": 490,
                "source_name": "input_1",
                "source_shape": [1, 1, 49, 10],
                "source_perm": [0, 2, 3, 1],
                "source_dtype": "int8",
            }
        ],
        "outputs": [
            {
                "name": "Identity",
                "shape": [1, 12],
                "dtype": "int8",
                "format": "",
                "packed": False,
                "scale": 0.00390625,
                "zero_point": -128,
                "offset": 0,
                "bytes": 12,
                "source_name": "Identity",
                "source_shape": [1, 12],
                "source_perm": None,
                "source_dtype": "int8",
            }
        ],
        "arena_bytes": 16_640,
        "state_bytes": 0,
        "arena_lower_bound": 16_640,
        "arena_peak": {"step": 1, "buffers": ["a:0 (8000)", "b:0 (8000)", "mean scratch (640)"]},
        "scratch_bytes": 640,
        "weights_bytes": 4_160,
        "float_weights_bytes": 13_056,
        "macs": 392_000,
        "steps": steps,
        "sources": ["kws.c", "kws_weights.c"],
        "include_dirs": [".", "edgeq/include"],
        "files": {},
        **changes,
    }
