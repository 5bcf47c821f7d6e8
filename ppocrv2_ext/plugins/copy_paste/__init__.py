"""Copy-Paste for text detection: the transform, choosing and pasting, and polygons."""
