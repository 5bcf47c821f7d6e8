"""Tables as plain text: for a terminal and a log file alike."""

from __future__ import annotations

from io import StringIO

from rich.console import Console, RenderableType


def render_lines(renderable: RenderableType, width: int) -> list[str]:
    """The lines that rich prints for ``renderable`` in ``width`` columns: no colours, no spaces at the end.

    Args:
        renderable: a table, or anything else that rich can print.
    """
    text = StringIO()
    Console(file=text, width=width, color_system=None, highlight=False, markup=False, emoji=False).print(renderable)
    return [line.rstrip() for line in text.getvalue().splitlines()]
