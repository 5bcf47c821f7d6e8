"""What the centers of a training set cover, as a table."""

import numpy as np
from rich import box
from rich.table import Table

from ..errors import UserError
from ..tables import plain

SHOWN = 20  # characters, and a quarter as many lines
UNUSED = {"alignment": "label does not fit the frames", "argmax": "not read fully right"}  # by how frames are assigned
BANDS = (0, 1, 10, 100, 1000, 10_000)  # frames of a class; each band ends below the next


def coverage(means, characters, unused, skipped, total):
    """[(what, value)] strings.

    Args:
        means: :class:`~ppocrv2_ext.plugins.center_loss.means.ClassMeans` of all processes.
        characters: the C characters, blank first.
        unused: why a line gave no frames, of :data:`UNUSED`.
        skipped: lines that gave no sample, or as many as one process met. total: how many all of them met.
    """
    counts, seen = means.counts[1:], means.counts[1:] > 0
    wanted = [characters[row] for row in np.flatnonzero((means.labelled > 0) & (means.counts == 0))]
    return [
        ("classes with a center", f"{seen.sum()} of {len(counts)}"),
        ("characters in the labels", f"{(means.labelled > 0).sum()}"),
        ("  without a center", _listed(len(wanted), wanted, SHOWN, " ")),
        ("frames", f"{counts.sum()}"),
        *_histogram(counts),
        ("distance to the own center", _number(_mean(means.spreads[1:][counts > 1]))),
        ("distance between centers", _number(_between(means.centers[1:][seen]))),
        ("lines", f"{means.used + means.unused + total}"),
        ("  used", f"{means.used}"),
        (f"  {unused}", f"{means.unused}"),
        ("  no sample", _listed(total, skipped, SHOWN // 4, "\n")),
    ]


def render(rows, title):
    """The rows as plain text, for a terminal and a log alike."""
    table = Table(box=box.ASCII2, title=title, title_justify="left", title_style="", show_header=False)
    for row in rows:
        table.add_row(*row)
    return "\n".join(plain(table, width=110))


def require_some(means):
    """Refuse to go on without a single center."""
    if not means.counts.any():
        raise UserError(
            f"no center came of it: of {means.used + means.unused} lines none gave a frame of a character;"
            " look at the data with `ppocrv2 eval`, and at whether Global.pretrained_model is a trained one."
        )


def _histogram(counts):
    for low, high in zip(BANDS, [*BANDS[1:], None]):
        name = f"  classes with {low}" + ("" if high == low + 1 else f" to {high - 1}" if high else " or more")
        yield name, f"{((counts >= low) & (counts < (high or np.inf))).sum()}"


def _mean(values):
    return values.mean() if len(values) else np.nan


def _between(centers):
    """Root mean square distance over all pairs: twice the variance around their mean, times n / (n - 1)."""
    return np.sqrt(2 * centers.astype("float64").var(axis=0, ddof=1).sum()) if len(centers) > 1 else np.nan


def _number(value):
    return "-" if np.isnan(value) else f"{value:.3f}"


def _listed(total, values, most, between):
    more = ["..."] if total > len(values[:most]) else []
    return between.join([f"{total}" + (":" if values else ""), *values[:most], *more])
