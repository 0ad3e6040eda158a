"""Measurements: what is fast, and by how much."""
