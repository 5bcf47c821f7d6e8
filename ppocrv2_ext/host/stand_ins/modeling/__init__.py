"""Networks: ``Architecture`` of a config."""
