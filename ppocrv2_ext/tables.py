"""Tables as plain text: for a terminal and a log file alike."""

from io import StringIO

from rich.console import Console


def plain(renderable, width):
    """What rich makes of ``renderable`` in ``width`` columns, as lines of plain text without spaces at their ends."""
    text = StringIO()
    Console(file=text, width=width, color_system=None, highlight=False, markup=False, emoji=False).print(renderable)
    return [line.rstrip() for line in text.getvalue().splitlines()]
