"""The keys of a config that nothing reads. A component may read a key of Global that no list names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .components import Catalog, Component, list_components
from .names import GLOBAL_KEYS, LOADER_KEYS, list_dataset_keys

READERS = ("tools", "ppocr/data", "ppocr/utils")  # folders of PaddleOCR with the files that read a config
QUOTED = re.compile(r"""["']([A-Za-z_]\w*)["']""")
_NOTHING = object()  # equal to no value


def find_unread_keys(config: dict, catalog: Catalog, root: Path | None) -> Iterator[str]:
    """A sentence for each key of Global, a data set or a loader that nothing reads."""
    readers = [component for component in list_components(config) if component.reads_global and component.section]
    unread = [
        (f"Global.{key}", key)
        for key, value in config["Global"].items()
        if key not in GLOBAL_KEYS
        and not any(_may_read(component, key, catalog) for component in readers)
        and not _is_stated(key, value, {name: each for name, each in config.items() if name != "Global"})
    ]
    for mode in ("Train", "Eval"):
        dataset, loader = config[mode]["dataset"], config[mode]["loader"]
        unread += [(f"{mode}.dataset.{key}", key) for key in set(dataset) - list_dataset_keys(dataset)]
        unread += [(f"{mode}.loader.{key}", key) for key in set(loader) - LOADER_KEYS]
    named = _list_words(root) if unread and root else set()
    for where, key in sorted(unread):
        if key not in named:
            yield f"PaddleOCR does not read {where}; it has no effect."


def _may_read(component: Component, key: str, catalog: Catalog) -> bool:
    """Whether a component that gets the section Global may take a key of it."""
    name = str((component.section or {}).get("name"))
    try:
        signatures = [catalog.arguments(candidate) for candidate in catalog.classes(component.kind, name)]
    except (ImportError, OSError, RuntimeError):
        return True  # an optional part of PaddleOCR that cannot be imported here
    return not signatures or any(key in each.names or each.passes_on for each in signatures)


def _is_stated(key: str, value: Any, section: Any) -> bool:
    """Whether a key has this value below ``section``. PaddleOCR's configs state it in Global and refer to it by &."""
    if isinstance(section, list):
        return any(_is_stated(key, value, each) for each in section)
    if not isinstance(section, dict):
        return False
    return section.get(key, _NOTHING) == value or any(_is_stated(key, value, each) for each in section.values())


def _list_words(root: Path) -> set[str]:
    """Every word in quotes in the files of PaddleOCR that read a config: its scripts, data sets and tools."""
    files = [file for folder in READERS for file in sorted((root / folder).glob("*.py"))]
    return {word for file in files for word in QUOTED.findall(file.read_text(encoding="utf-8", errors="replace"))}
