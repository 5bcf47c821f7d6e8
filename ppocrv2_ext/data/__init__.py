"""Data sets: rendered text lines."""
