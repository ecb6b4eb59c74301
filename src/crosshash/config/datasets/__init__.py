"""The section of params.yaml of one data set, each."""
