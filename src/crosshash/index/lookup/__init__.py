"""Exact search through all codes by look-ups in registers: short sums rule out, exact ones decide."""
