"""Everything that a config says: its file, its words, how its parts fit together, its networks and its numbers."""

from .yaml_files import BUILT_IN, assignment, built_in, locate, override, read, write

__all__ = ["BUILT_IN", "assignment", "built_in", "locate", "override", "read", "write"]
