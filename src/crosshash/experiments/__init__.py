"""Runs side by side: comparison of two, table of all."""
