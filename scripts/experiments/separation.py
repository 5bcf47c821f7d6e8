"""How far a recognizer keeps characters apart: in its features, in what it reads, and as a picture.

Shape legend: N frames, D features.
"""

from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from rapidfuzz.distance import Levenshtein

from ppocrv2_ext.preview.colours import INK, QUIET, RULE

COLOURS = ("#1565c0", "#ef6c00", "#2e7d32", "#ad1457", "#6a1b9a", "#5d4037")  # as many as the largest group may have


class Separation(NamedTuple):
    """Distances in feature units, > 0; only their ratios compare two networks, as features have any scale."""

    between: float  # mean distance of two class means, over all pairs
    alike: float  # the same over the pairs that are easily confused
    within: float  # mean over classes of the mean distance of a frame to its class mean

    @property
    def ratio(self):
        return self.between / self.within

    @property
    def alike_ratio(self):
        return self.alike / self.within


def separation(features, characters, groups):
    """:class:`Separation` of frames.

    Args:
        features: (N, D). characters: N strings, what each frame belongs to; at least two frames of each.
        groups: strings of characters that are easily confused; at least one pair of these must occur.
    """
    features, characters = np.asarray(features, np.float64), np.asarray(characters)
    names = np.unique(characters)
    means = np.stack([features[characters == name].mean(axis=0) for name in names])
    spreads = [np.linalg.norm(features[characters == name] - mean, axis=1).mean() for name, mean in zip(names, means)]
    first, second = np.triu_indices(len(names), 1)
    distances = np.linalg.norm(means[first] - means[second], axis=1)
    alike = [_alike(a, b, groups) for a, b in zip(names[first], names[second])]
    return Separation(float(distances.mean()), float(distances[alike].mean()), float(np.mean(spreads)))


class Errors(NamedTuple):
    """Shares of the characters of the labels."""

    confused: float  # read as another of their group
    wrong: float  # characters to insert, delete or replace


def errors(pairs, groups):
    """:class:`Errors` of (label, text) pairs."""
    pairs = list(pairs)
    total = sum(len(label) for label, _ in pairs)
    confused = sum(
        step.tag == "replace" and _alike(label[step.src_pos], text[step.dest_pos], groups)
        for label, text in pairs
        for step in Levenshtein.editops(label, text)
    )
    return Errors(confused / total, sum(Levenshtein.distance(label, text) for label, text in pairs) / total)


def _alike(a, b, groups):
    return any(a in group and b in group for group in groups)


def plane(features, characters):
    """(D, 2) orthonormal axes on which the class means of (N, D) features lie furthest apart.

    Distances are kept rather than made to look good, as they would be by discriminant analysis of so few frames. The
    spread within classes decides only where the means leave a choice, as of two classes the second axis.
    """
    characters = np.asarray(characters)
    means = np.stack([features[characters == name].mean(axis=0) for name in np.unique(characters)])
    apart = np.cov(means.T) + 1e-3 * np.cov(features.T)
    return np.linalg.eigh(apart)[1][:, :-3:-1]


def picture(networks, groups, output, font_file):
    """The features of a few groups, one row each, one column per network; the spread within a class is 1 throughout.

    Args:
        networks: {title: (features (N, D), N characters, Separation)}.
        groups: strings of characters. output: path of the PNG. font_file: of a font that has them.
    """
    font = FontProperties(fname=str(font_file), size=12)
    figure = Figure(figsize=(4 * len(networks), 3.6 * len(groups) + 0.7), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(groups), len(networks), squeeze=False)
    for title, panel in zip(networks, panels[0]):
        panel.set_title(title, fontsize=10, color=INK)
    for row, group in zip(panels, groups):
        for panel, (features, characters, apart) in zip(row, networks.values()):
            characters = np.asarray(characters)
            chosen = np.isin(characters, list(group))
            _scatter(panel, features[chosen] / apart.within, characters[chosen], group)
        _same_scale(row)
        row[-1].legend(prop=font, loc="center left", bbox_to_anchor=(1, 0.5), handletextpad=0.1, frameon=False)
    figure.supxlabel("unit: the mean distance of a frame to its class mean, over all classes", fontsize=9, color=QUIET)
    figure.savefig(output, dpi=130)


def _scatter(panel, features, characters, group):
    points = (features - features.mean(axis=0)) @ plane(features, characters)
    # The sign of an axis is chance: the first character stands on the left and not above the middle.
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


def _same_scale(panels):
    limits = [(*panel.get_xlim(), *panel.get_ylim()) for panel in panels]
    reach = max(max(map(abs, each)) for each in limits)
    for panel in panels:
        panel.set_xlim(-reach, reach)
        panel.set_ylim(-reach, reach)
