"""What users hand over, at random, right or wrong; each kind with an independent reading of it."""
