"""A run taken out of its project: networks as ONNX, tokenizers and preprocessing as data, a bundle of it all."""
