"""Hash centres: their construction, the targets they give, the transform between two lengths; no torch."""
