"""A run taken out of its project: networks as ONNX, readers as data, a bundle of it all."""
