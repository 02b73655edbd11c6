"""Writes keras_lstm_int8.tflite beside this file: two LSTM layers and a dense one from Keras, weights at random.

Run by hand, in an environment with tensorflow-cpu 2.21 and tf-keras 2.21 (Keras 3 exports LSTM layers as loops).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

os.environ["TF_USE_LEGACY_KERAS"] = "1"
STEPS, INPUTS = 20, 8


def main() -> None:
    """The whole recording."""
    import tensorflow as tf  # type: ignore[import-not-found]

    tf.random.set_seed(0)
    layers = tf.keras.layers
    network = tf.keras.Sequential(
        [
            layers.Input((STEPS, INPUTS), batch_size=1),
            layers.LSTM(16, return_sequences=True),
            layers.LSTM(12),
            layers.Dense(4, activation="softmax"),
        ]
    )
    call = tf.function(lambda x: network(x)).get_concrete_function(tf.TensorSpec([1, STEPS, INPUTS], tf.float32))
    rng = np.random.default_rng(0)

    def samples() -> Iterator[list[np.ndarray[Any, Any]]]:
        for _ in range(100):
            yield [rng.normal(size=(1, STEPS, INPUTS)).astype(np.float32)]

    with tempfile.TemporaryDirectory() as folder:
        network.save(folder, save_format="tf", signatures=call)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = samples
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        (Path(__file__).parent / "keras_lstm_int8.tflite").write_bytes(converter.convert())


if __name__ == "__main__":
    main()
