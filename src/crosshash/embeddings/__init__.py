"""Frozen networks and what they give for every item, once: what models are trained on and ask with."""
