"""The templates of HTML pages: they share one style sheet and need no other file."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


@functools.cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # not at the start of a training
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["style"] = Markup((FOLDER / "style.css").read_text(encoding="utf-8"))
    return environment


def load_template(name: str, filters: Mapping[str, Callable] | None = None) -> Any:
    """A template of this folder, such as "page.html".

    Args:
        filters: functions that the template calls, by name.
    """
    environment = _environment()
    environment.filters.update(filters or {})
    return environment.get_template(name)
