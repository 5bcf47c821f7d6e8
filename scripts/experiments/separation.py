"""How far apart a recognizer keeps characters: in its features, in what it reads, and as a picture.

Shape legend: N frames, D features.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from rapidfuzz.distance import Levenshtein

from ppocrv2_ext.files import PathLike
from ppocrv2_ext.preview.colours import INK, QUIET, RULE

COLOURS = ("#1565c0", "#ef6c00", "#2e7d32", "#ad1457", "#6a1b9a", "#5d4037")  # one for each character of a group


class Separation(NamedTuple):
    """Distances in units of the features, > 0. Features have any scale, so only ratios compare two networks."""

    between: float  # mean distance of two class means, over all pairs
    alike: float  # the same, over the pairs that are easily confused
    within: float  # mean over classes of the mean distance of a frame to its class mean

    @property
    def ratio(self) -> float:
        """``between`` over ``within``."""
        return self.between / self.within

    @property
    def alike_ratio(self) -> float:
        """``alike`` over ``within``."""
        return self.alike / self.within


def measure_separation(features: np.ndarray, characters: Sequence[str], groups: Iterable[str]) -> Separation:
    """Measure how far apart the characters are in the features. Every character counts the same.

    Args:
        features: (N, D).
        characters: N, the one that each frame belongs to; at least two frames of each.
        groups: strings of characters that are easily confused. At least one such pair must occur.
    """
    features, labels, groups = np.asarray(features, np.float64), np.asarray(characters), list(groups)
    names = np.unique(labels)
    means = np.stack([features[labels == name].mean(axis=0) for name in names])
    spreads = [np.linalg.norm(features[labels == name] - mean, axis=1).mean() for name, mean in zip(names, means)]
    first, second = np.triu_indices(len(names), 1)
    distances = np.linalg.norm(means[first] - means[second], axis=1)
    alike = [_is_alike(a, b, groups) for a, b in zip(names[first], names[second])]
    return Separation(float(distances.mean()), float(distances[alike].mean()), float(np.mean(spreads)))


class Errors(NamedTuple):
    """Shares of the characters of the labels."""

    confused: float  # read as another of their group
    wrong: float  # characters to insert, delete or replace


def count_errors(pairs: Iterable[tuple[str, str]], groups: Iterable[str]) -> Errors:
    """Count the wrong characters of (label, text) pairs.

    Args:
        groups: strings of characters that are easily confused.
    """
    pairs, groups = list(pairs), list(groups)
    total = sum(len(label) for label, _ in pairs)
    confused = sum(
        step.tag == "replace" and _is_alike(label[step.src_pos], text[step.dest_pos], groups)
        for label, text in pairs
        for step in Levenshtein.editops(label, text)
    )
    return Errors(confused / total, sum(Levenshtein.distance(label, text) for label, text in pairs) / total)


def _is_alike(a: str, b: str, groups: Iterable[str]) -> bool:
    return any(a in group and b in group for group in groups)


def find_plane(features: np.ndarray, characters: Sequence[str] | np.ndarray) -> np.ndarray:
    """The plane in which the class means are furthest apart: (D, 2) orthonormal axes.

    A projection on it shows true distances. Discriminant analysis would show larger ones, because it fits its axes to
    the few frames there are. Two classes leave the second axis open; there the spread within the classes decides.

    Args:
        features: (N, D).
        characters: N, the one that each frame belongs to.
    """
    labels = np.asarray(characters)
    means = np.stack([features[labels == name].mean(axis=0) for name in np.unique(labels)])
    covariance = np.cov(means.T) + 1e-3 * np.cov(features.T)
    return np.linalg.eigh(covariance)[1][:, :-3:-1]


def draw_picture(
    networks: Mapping[str, tuple[np.ndarray, Sequence[str], Separation]],
    groups: Sequence[str],
    output: PathLike,
    font_file: PathLike,
) -> None:
    """Draw the features of a few groups: a row for each group, a column for each network.

    The unit of every panel is the network's own spread within a class.

    Args:
        networks: {title: (features (N, D), N characters, their separation)}.
        groups: strings of characters.
        output: path of the PNG.
        font_file: of a font that has the characters.
    """
    font = FontProperties(fname=str(font_file), size=12)
    figure = Figure(figsize=(4 * len(networks), 3.6 * len(groups) + 0.7), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(groups), len(networks), squeeze=False)
    for title, panel in zip(networks, panels[0]):
        panel.set_title(title, fontsize=10, color=INK)
    for row, group in zip(panels, groups):
        for panel, (features, characters, separation) in zip(row, networks.values()):
            labels = np.asarray(characters)
            mask = np.isin(labels, list(group))
            _draw_points(panel, features[mask] / separation.within, labels[mask], group)
        _share_scale(row)
        row[-1].legend(prop=font, loc="center left", bbox_to_anchor=(1, 0.5), handletextpad=0.1, frameon=False)
    figure.supxlabel("unit: the mean distance of a frame to its class mean, over all classes", fontsize=9, color=QUIET)
    figure.savefig(output, dpi=130)


def _draw_points(panel: Axes, features: np.ndarray, characters: np.ndarray, group: str) -> None:
    points = (features - features.mean(axis=0)) @ find_plane(features, characters)
    # The signs of the axes are arbitrary: put the first character on the left, and not above the middle.
    points *= np.where(points[characters == group[0]].mean(axis=0) > 0, -1, 1)
    for character, colour in zip(group, COLOURS):
        panel.scatter(*points[characters == character].T, s=9, color=colour, alpha=0.45, linewidths=0)
    for character, colour in zip(group, COLOURS):
        mean = points[characters == character].mean(axis=0)
        panel.scatter(*mean, s=80, color=colour, edgecolors="white", linewidths=1.5, label=character)
    panel.set_aspect("equal")
    panel.grid(color=RULE)
    panel.set_axisbelow(True)
    panel.tick_params(labelsize=7, colors=QUIET)
    panel.spines[:].set_color(RULE)


def _share_scale(panels: Iterable[Axes]) -> None:
    panels = list(panels)
    limits = [(*panel.get_xlim(), *panel.get_ylim()) for panel in panels]
    reach = max(max(map(abs, each)) for each in limits)
    for panel in panels:
        panel.set_xlim(-reach, reach)
        panel.set_ylim(-reach, reach)
