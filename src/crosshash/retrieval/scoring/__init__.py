"""Tasks scored by all measures, as values, tables and files."""
