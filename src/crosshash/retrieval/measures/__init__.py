"""One number per query, and its mean with an interval."""
