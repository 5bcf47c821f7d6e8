"""Enhanced unified deep mutual learning of two recognizers (arXiv:2109.03144, 3.2)."""
