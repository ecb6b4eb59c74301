"""What is searched now, how newer files take its place, and what is told of both: health, card, metrics."""
