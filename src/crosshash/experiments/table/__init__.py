"""All runs as one table: its cells, and the forms it takes."""
