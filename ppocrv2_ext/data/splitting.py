"""The lines of a label file, split into those that a training learns and those that choose its checkpoint."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Sequence

from ..errors import UserError
from ..files import PathLike
from .advice import advise_tabs
from .label_files import list_images, read_entries
from .reasons import REASONS


def split_lines(lines: Sequence[str], share: float, seed: int, pattern: str) -> tuple[list[str], list[str]]:
    """Draw the groups of lines that validate; all other lines train.

    Args:
        lines: of a label file, `image<TAB>label`.
        share: of the groups that validate, in (0, 1). At least one group validates, and at least one trains.
        seed: the same seed draws the same groups.
        pattern: a regular expression. Lines stay together if its first group (...) finds the same text in the names
            of their images, such as the page that they were cut from. A name that it does not match is a group alone.
            ``./a.png`` counts as ``a.png``. A line that names several images joins their groups.
    Returns:
        (lines to train on, lines to validate on), each in the order of the file.
    Raises:
        UserError: the share is not in (0, 1), the pattern is no regular expression or has no (...), or there are fewer
            than two groups.
    """
    if not 0 < share < 1:  # click lets a NaN pass
        raise UserError(f"--share must lie between 0 and 1, got {share}.")
    groups = _find_groups(lines, pattern)
    names = sorted(set(groups))
    if len(names) < 2:
        raise UserError(
            f"there must be at least 2 groups of lines to split, got {len(names)}; give another --group, such as '(.*)'"
            " for each image alone."
        )
    random.Random(seed).shuffle(names)
    count = min(max(1, round(share * len(names))), len(names) - 1)
    validation = set(names[:count])
    train = [line for line, name in zip(lines, groups) if name not in validation]
    return train, [line for line, name in zip(lines, groups) if name in validation]


def count_shared(train: Sequence[str], validation: Sequence[str], pattern: str) -> int:
    """How many lines to validate on have a group that lines to train on have too, if groups seem to be meant.

    They do if the pattern matches the name of every image, and makes several groups, of two lines or more on average.

    Args:
        train, validation, pattern: as :func:`split_lines` returns and takes them.
    """
    expression = re.compile(pattern)
    if not all(expression.search(line.partition("\t")[0]) for line in (*train, *validation)):
        return 0
    groups = _find_groups([*train, *validation], pattern)
    if not 1 < len(set(groups)) <= len(groups) / 2:
        return 0
    in_training = set(groups[: len(train)])
    return sum(group in in_training for group in groups[len(train) :])


def _find_groups(lines: Sequence[str], pattern: str) -> list[str]:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise UserError(f"--group {pattern!r} is no regular expression: {error}.") from None
    if not expression.groups:
        raise UserError(f"--group {pattern!r} has no (...) around the part that lines of one group share.")

    def find_group(image: str) -> str:
        match = expression.search(image)
        return match[1] if match and match[1] is not None else image

    images = [map(os.path.normpath, list_images(line.partition("\t")[0])) for line in lines]
    return _join_groups([list(map(find_group, names)) for names in images])


def _join_groups(groups: Sequence[Sequence[str]]) -> list[str]:
    """One group for each line, from those of its images: the least of all that are joined with them by any line."""
    above: dict[str, str] = {}  # {group: a lesser one that it is joined with}

    def find_least(group: str) -> str:
        while group in above:
            group = above[group]
        return group

    for first, *others in groups:
        for other in others:
            least, greater = sorted((find_least(first), find_least(other)))
            if least != greater:
                above[greater] = least
    return [find_least(first) for first, *_ in groups]


def read_label_lines(file: PathLike) -> list[str]:
    """The lines of a label file without their ends, as the training reads them. Blank ones are left out.

    Raises:
        UserError: the file cannot be read, or a line is not UTF-8 or has no tab.
    """
    entries = read_entries(file)
    for entry in entries:
        if "not-utf8" in entry.reasons:
            reason = REASONS["not-utf8"]
            raise UserError(f"{entry.place}: {reason.rule}; {reason.advice}.")
    without_tab = [entry for entry in entries if "no-tab" in entry.reasons]
    if without_tab:
        raise UserError(
            f"{without_tab[0].place}: {REASONS['no-tab'].rule}, and {len(without_tab)} of {len(entries)} lines have no"
            f" tab; {advise_tabs([entry.text for entry in without_tab])}."
        )
    return [entry.text for entry in entries if not entry.is_blank]
