"""Distances and ties: what a ranking is before any measure looks at it."""
