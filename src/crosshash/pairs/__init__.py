"""The pair table and everything decided on it: labels, split, vocabulary, info, raw record."""
