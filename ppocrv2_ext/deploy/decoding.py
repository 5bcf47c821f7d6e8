"""Make texts of what a CTC recognizer computes. B batch, T frames, C classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import UserError
from .engine import require_rank


def ctc_greedy(probabilities: np.ndarray, characters: Sequence[str]) -> list[tuple[str, float]]:
    """Greedy CTC decoding: the likeliest class of each frame, with repeats merged and then blanks dropped.

    Args:
        probabilities: (B, T, C) in [0, 1].
        characters: C strings, the first stands for the blank.
    Returns:
        B pairs (text, mean probability of the frames that gave its characters; 0 for no text).
    """
    if len(characters) != probabilities.shape[2]:
        raise ValueError(f"`characters` must have C={probabilities.shape[2]} entries, got {len(characters)}.")
    classes = probabilities.argmax(2)
    best = np.take_along_axis(probabilities, classes[..., None], 2)[..., 0]
    writes = classes != 0  # (B, T): whether a frame writes a character
    writes[:, 1:] &= classes[:, 1:] != classes[:, :-1]
    texts = ["".join(characters[c] for c in row[own]) for row, own in zip(classes, writes)]
    return [(text, float(row[own].mean()) if own.any() else 0.0) for text, row, own in zip(texts, best, writes)]


def decode(probabilities: np.ndarray, dictionary: Sequence[str]) -> list[tuple[str, float]]:
    """The text of each line of a batch, and its score, as :func:`ctc_greedy` gives them.

    Args:
        probabilities: what a recognizer made of the batch, (B, T, C).
        dictionary: its characters, without blank and space.
    Raises:
        UserError: that is no output of a recognizer, or the dictionary does not fit.
    """
    require_rank(probabilities, 3, "recognizer", "(lines, frames, classes)")
    return ctc_greedy(probabilities, name_classes(dictionary, probabilities.shape[2]))


def name_classes(dictionary: Sequence[str], count: int) -> list[str]:
    """The text of each of ``count`` classes: "" for the blank, the dictionary, and a space if there is one class more.

    Raises:
        UserError: the dictionary does not make that many classes.
    """
    if count - len(dictionary) not in (1, 2):
        raise UserError(
            f"the model has {count} classes, but its dictionary of {len(dictionary)} characters makes "
            f"{len(dictionary) + 1}, or {len(dictionary) + 2} with a space; export with the dictionary of its training."
        )
    return ["", *dictionary, " "][:count]
