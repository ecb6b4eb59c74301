"""Searches over HTTP, one or several at a time."""
