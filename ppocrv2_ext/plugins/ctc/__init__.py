"""CTC: losses, the alignment of a label to frames, and what frames have in common."""
