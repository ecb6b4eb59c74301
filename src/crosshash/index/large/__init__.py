"""Indexes of collections beyond memory: built in blocks, in files that are mapped, for both distances."""
