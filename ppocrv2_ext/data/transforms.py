"""The transforms of a data set, as a config lists them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def list_transforms(dataset: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """(name, arguments) of each transform of a ``dataset`` section, in order."""
    return [(name, given or {}) for entry in dataset.get("transforms") or () for name, given in entry.items()]
