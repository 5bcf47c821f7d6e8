"""The ablation as a picture: a panel for the paper's numbers, and one for each budget of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ppocrv2_ext.files import PathLike
from ppocrv2_ext.preview.colours import INK, QUIET, RULE

from .report import NAMES, Section

OURS = "#1565c0"
BELOW = 0.2  # of a row: how far the dots of the seeds are under their mean
SMALL = {"fontsize": 8, "color": QUIET}


def draw_picture(
    title: str,
    sections: Sequence[Section],
    start: Mapping[str, float] | None,
    measures: Sequence[str],
    output: PathLike,
) -> None:
    """Draw a dot for every seed, and a diamond with a bar for their mean and standard deviation.

    Args:
        title, sections, start, measures: as for :func:`.report.to_markdown`.
        output: path of the PNG.
    """
    main = measures[0]
    rows = sections[0].lines
    figure = Figure(figsize=(3 + 3.2 * (1 + len(sections)), 1.8 + 0.5 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    paper, *panels = figure.subplots(1, 1 + len(sections), sharey=True, squeeze=False)[0]
    paper.set_yticks(range(len(rows)), [line.label for line in rows])
    paper.set_ylim(len(rows) - 0.4, -0.6)
    _decorate(paper, "paper, on the authors' set", main)
    for position, line in enumerate(rows):
        if line.paper is None:
            _write_word(paper, position, "not in the paper")
        else:
            _draw_mean(paper, line.paper, None, position, QUIET)
    for panel, section in zip(panels, sections):
        _decorate(panel, f"ours, {section.title}", main)
        if start:
            panel.axvline(start[main], color=QUIET, linestyle="--", linewidth=1)
            panel.annotate(
                "before training", (start[main], -0.6), (2, -2), textcoords="offset points", **SMALL, va="top"
            )
        for position, line in enumerate(section.lines):
            spread = line.measures.get(main)
            if spread is None:
                _write_word(panel, position, "failed" if line.failures else "not run")
                continue
            panel.plot(spread.values, [position + BELOW] * len(spread.values), "o", color=OURS, alpha=0.4, markersize=4)
            _draw_mean(panel, spread.mean, spread.deviation, position, OURS)
    figure.suptitle(title, fontsize=11)
    figure.savefig(output, dpi=150)


def _decorate(panel: Axes, title: str, main: str) -> None:
    panel.set_title(title, fontsize=10)
    panel.set_xlabel(NAMES[main])
    panel.grid(axis="x", color=RULE)
    panel.set_axisbelow(True)
    panel.margins(x=0.2)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(axis="y", length=0)


def _draw_mean(panel: Axes, mean: float, deviation: float | None, position: int, colour: str) -> None:
    panel.errorbar(mean, position, xerr=deviation, fmt="D", color=colour, capsize=3, markersize=5)
    panel.annotate(
        f"{mean:.3f}", (mean, position), (0, 7), textcoords="offset points", ha="center", fontsize=8, color=INK
    )


def _write_word(panel: Axes, position: int, word: str) -> None:
    across = panel.get_yaxis_transform()  # x as a share of the panel
    panel.text(0.5, position, word, transform=across, ha="center", va="center", **SMALL)
