"""Data sets: label files read and checked, samples to look at, and small sets of drawn lines."""
