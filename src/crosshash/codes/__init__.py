"""Hash codes: packed bits, distances, which bits are delivered, quantised words; no torch."""
