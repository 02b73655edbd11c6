"""Methods of post-training quantization: one file each, found by the registry (docs/quantization.md)."""
