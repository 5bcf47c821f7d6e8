"""Colours that the pictures share."""

INK, QUIET, WRONG, RIGHT, RULE = "#1a1a1a", "#6b6b6b", "#c62828", "#2e7d32", "#e2e2e2"
