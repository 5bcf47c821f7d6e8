"""What the centers of a training set cover, as a table.

Shapes: C classes, blank first; D features.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..errors import UserError
from ..tables import render_lines
from .terminal import WIDTH

if TYPE_CHECKING:
    import numpy as np

    from ..plugins.center_loss.means import ClassMeans

CHARACTERS_SHOWN, LINES_SHOWN = 20, 5
# Why a line gave no frames, for each way of assigning frames to classes.
REASONS = {"alignment": "label does not fit the frames", "argmax": "not read fully right"}
BANDS = (0, 1, 10, 100, 1000, 10_000)  # frames of a class; each band ends below the next


def tabulate_coverage(
    means: ClassMeans, characters: Sequence[str], reason: str, skipped: Sequence[str], skipped_count: int
) -> list[tuple[str, str]]:
    """The rows of the table, each a title and a value.

    Args:
        means: the class means over all processes.
        characters: the C characters, blank first.
        reason: why a line gave no frames, one of :data:`REASONS`.
        skipped: the lines of this process that could not be read.
        skipped_count: how many lines could not be read in all processes.
    """
    counts = means.counts[1:]  # without blank
    seen = counts > 0
    missing = [characters[row] for row in ((means.label_counts > 0) & (means.counts == 0)).nonzero()[0]]
    return [
        ("classes with a center", f"{seen.sum()} of {len(counts)}"),
        ("characters in the labels", f"{(means.label_counts > 0).sum()}"),
        ("  without a center", _list_some(len(missing), missing, CHARACTERS_SHOWN, " ")),
        ("frames", f"{counts.sum()}"),
        *_histogram(counts),
        ("distance of a frame to its center", _format(_mean(means.spreads[1:][counts > 1]))),
        ("distance between centers", _format(_mean_distance(means.centers[1:][seen]))),
        ("lines", f"{means.used_lines + means.unused_lines + skipped_count}"),
        ("  used", f"{means.used_lines}"),
        (f"  {reason}", f"{means.unused_lines}"),
        ("  no sample", _list_some(skipped_count, skipped, LINES_SHOWN, "\n")),
    ]


def render(rows: Iterable[tuple[str, str]], title: str) -> str:
    """The rows as plain text, for a terminal and a log alike."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.ASCII2, title=title, title_justify="left", title_style="", show_header=False)
    for row in rows:
        table.add_row(*row)
    return "\n".join(render_lines(table, WIDTH))


def require_frames(means: ClassMeans) -> None:
    """Refuse class means of which no class but blank has a frame.

    Raises:
        UserError: there is no center to write.
    """
    if not means.counts.any():
        raise UserError(
            f"there is no center to write: none of {means.used_lines + means.unused_lines} lines gave a frame of a"
            " character; evaluate with `ppocrv2 eval`, and see that Global.pretrained_model is a trained model."
        )


def _histogram(counts: np.ndarray) -> Iterator[tuple[str, str]]:
    for low, high in zip(BANDS, [*BANDS[1:], None]):
        name = f"  classes with {low}" + ("" if high == low + 1 else f" to {high - 1}" if high else " or more")
        yield name, f"{((counts >= low) & (counts < (high or math.inf))).sum()}"


def _mean(values: np.ndarray) -> float:
    return values.mean() if len(values) else math.nan


def _mean_distance(centers: np.ndarray) -> float:
    """Root mean square distance over all pairs of the (n, D) centers.

    Its square is twice their variance around the mean, times n / (n - 1).
    """
    return math.sqrt(2 * centers.astype("float64").var(axis=0, ddof=1).sum()) if len(centers) > 1 else math.nan


def _format(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _list_some(total: int, values: Sequence[str], most: int, between: str) -> str:
    """``total``, and up to ``most`` of the ``values``; three dots stand for the rest."""
    more = ["..."] if total > len(values[:most]) else []
    return between.join([f"{total}" + (":" if values else ""), *values[:most], *more])
