"""Everything that a config says.

- ``yaml_loader``: the YAML that a config may be. ``yaml_files``: config files, found, read, overridden and written.
  ``shell_values``: the values of ``-o``.
- ``vocabulary``: does every word mean something? ``components``: the same for the arguments of components.
- ``misplaced_keys``: where such a key belongs. ``unread``: keys that nothing reads. ``without_effect``: settings that
  have no effect beside another one.
- ``values``: the type and the range of each value, as ``rules``. ``expressions``: texts that PaddleOCR would evaluate.
- ``consistency``: do the parts fit together?
- ``resolve``: what a config leaves open, filled in for one PaddleOCR.
- ``networks``, ``stopping``, ``names``: what a config says about each of these.
"""

from .yaml_files import BUILT_IN, assignment, built_in, locate, override, read, shell_option, write

__all__ = ["BUILT_IN", "assignment", "built_in", "locate", "override", "read", "shell_option", "write"]
