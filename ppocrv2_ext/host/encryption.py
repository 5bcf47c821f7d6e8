"""The module ``encryption`` of AI Studio, which encrypts weights and does not exist elsewhere.

PaddleOCR imports it to ask whether to encrypt. Where it is missing, PaddleOCR does not encrypt, but logs a line that
looks like a fault of the installation.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType

NAME = "encryption"


@contextlib.contextmanager
def answer_no() -> Iterator[None]:
    """A context in which PaddleOCR finds a module ``encryption`` that says no. One that is installed stays."""
    if NAME in sys.modules or importlib.util.find_spec(NAME):
        yield
        return
    module = ModuleType(NAME)
    vars(module)["is_encryption_needed"] = lambda: False
    sys.modules[NAME] = module
    try:
        yield
    finally:
        sys.modules.pop(NAME, None)
