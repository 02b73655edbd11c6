"""Post-training quantization: calibration and the step from a real graph to a quantized one."""
