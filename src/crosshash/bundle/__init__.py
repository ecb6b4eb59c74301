"""A bundle: one folder that answers without its project; networks by onnxruntime, no torch."""
