"""The section of params.yaml of one method, each."""
