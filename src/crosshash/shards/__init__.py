"""Pictures on their way into WebDataset shards, and out of them as batches."""
