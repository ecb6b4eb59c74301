"""The search service: HTTP interface and page over a trained model and its index."""
