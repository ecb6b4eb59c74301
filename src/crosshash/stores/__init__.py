"""Codes in other stores, files and databases: one contract, a file per store."""
