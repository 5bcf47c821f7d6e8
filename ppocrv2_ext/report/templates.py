"""The templates of HTML pages: they share one style sheet and need no other file."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from .confusions import list_frequent

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
    environment.filters["frequent"] = list_frequent
    environment.filters["thousands"] = "{:,}".format
    return environment


def render(template: str, **values: Any) -> str:
    """A page.

    Args:
        template: a file of this folder, such as "page.html".
        values: what the template shows.
    """
    return _environment().get_template(template).render(values)
