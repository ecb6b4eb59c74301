"""Weights as files: tensors of our own, published ones; nothing is unpickled."""
