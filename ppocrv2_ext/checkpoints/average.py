"""The mean of the weights of several networks that started from one file.

The mean of several seeds reads about as well as all of them together (Wortsman et al., Model soups, arXiv:2203.05482).
The mean of a fine-tune and its start keeps most of what the fine-tune learned, and gives back most of what it forgot
(Wortsman et al., Robust fine-tuning of zero-shot models, arXiv:2109.01903).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import MOST_LISTED, UserError, first_few, shorten
from ..files import PathLike
from .character_rows import read_trained_characters, remap_rows
from .norm_merging import merge_norm
from .paths import find_dictionary
from .pdparams import list_broken_values

# Ends of names that are left out: centers are means of each training's own features, not of the averaged network's.
CENTERS = ("head.centers", "head.center_counts")
STATISTICS = ("._mean", "._variance")  # BatchNorm's
MAKERS = ("Architecture", "Loss")  # sections of a config that make the network and the loss
FAR = 0.5  # of the mean's length; fine-tunes lie at a few hundredths of it, unrelated networks at about 1


class Average(NamedTuple):
    """The mean of several trainings, and how well they fit together."""

    params: dict[str, np.ndarray]  # {parameter name: mean}
    distances: list[float]  # of each training from the mean, in lengths of the mean
    statistics_differ: bool  # whether BatchNorm's statistics differ between the trainings
    counters: list[str]  # parameters of whole numbers that differ; the mean holds the largest


class Fitted(NamedTuple):
    """Trainings of one dictionary."""

    trainings: dict[PathLike, Mapping[str, np.ndarray]]  # {file: {name: array}}
    dictionary: Path | None  # None if no file has one beside it
    note: str | None  # a sentence, if class rows were moved


def average_trainings(
    trainings: Mapping[PathLike, Mapping[str, np.ndarray]], shares: Sequence[float] | None = None
) -> Average:
    """The mean of every parameter, without the class centers, in the widest number type of its files.

    Whole numbers and booleans are no weights but counters and tables: their mean may be none. The largest are taken.

    Restored BatchNorm is merged into its convolution first, since a mean of statistics fits no network, and the
    published file has none.

    Args:
        trainings: {file: {name: array}}, two or more, of one network or of the same several.
        shares: how much of each training, in their order, with a sum of 1. None for the same of each.
    Raises:
        UserError: a name or a shape differs from that of the first file; a file holds NaN, infinity or a negative
            variance; or ``shares`` are not one number > 0 for each training with a sum of 1.
    """
    shares = _check_shares(shares, len(trainings))
    for file, training in trainings.items():
        broken = list_broken_values({name: training[name] for name in training if not name.endswith(CENTERS)})
        if broken:
            name, problem = next(iter(broken.items()))
            raise UserError(f"{file}: {name} holds {problem}; leave this training out.")
    trainings = {file: merge_norm(training) for file, training in trainings.items()}
    first, *others = trainings
    names = [name for name in trainings[first] if not name.endswith(CENTERS)]
    for other in others:
        _require_alike(first, trainings[first], other, trainings[other])
    params = {name: _mean([training[name] for training in trainings.values()], shares) for name in names}
    weights = [name for name in names if params[name].dtype.kind == "f" and not name.endswith(STATISTICS)]
    length = _length(params[name] for name in weights)
    away = [_length(training[name] - params[name] for name in weights) for training in trainings.values()]
    distances = [each / length if length else math.inf if each else 0.0 for each in away]
    differing = [
        name
        for name in names
        if not all(np.array_equal(training[name], trainings[first][name]) for training in trainings.values())
    ]
    statistics_differ = any(name.endswith(STATISTICS) for name in differing)
    return Average(params, distances, statistics_differ, [name for name in differing if params[name].dtype.kind != "f"])


def list_warnings(mean: Average) -> Iterator[str]:
    """Why an averaged network may read worse than its trainings, a sentence for each reason."""
    if max(mean.distances) > FAR:
        yield "the trainings are too far apart to have begun from one file; their mean may read nothing."
    if mean.statistics_differ:
        yield (
            "their BatchNorm statistics differ, and the mean fits none of them exactly: see what it reads of held-out"
            " lines, or train with freeze_norm: true."
        )
    if mean.counters:
        yield (
            f"the whole numbers of {', '.join(first_few(mean.counters))} differ, and the largest are taken, as of a"
            " counter: if they are something else, average trainings of one network."
        )


def list_differences(configs: Mapping[PathLike, Mapping[str, Any]]) -> Iterator[str]:
    """How trainings differ in what makes the network and the loss, a sentence for each that is not as the first.

    Args:
        configs: {file of a config: its content}.
    """
    options = {file: dict(_list_options({key: config.get(key) for key in MAKERS})) for file, config in configs.items()}
    files = list(options)
    for file in files[1:]:
        before, after = options[files[0]], options[file]
        keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        values = [f"{key} ({shorten(before.get(key))}, {shorten(after.get(key))})" for key in keys[:MOST_LISTED]]
        more = f" and {len(keys) - MOST_LISTED} more" if len(keys) > MOST_LISTED else ""
        if keys:
            yield f"{files[0]} and {file} differ in {', '.join(values)}{more}."


def with_one_dictionary(
    trainings: Mapping[PathLike, Mapping[str, np.ndarray]], shares: Sequence[float] | None = None
) -> Fitted:
    """Trainings with the class rows of one dictionary, where one of two has all characters of the other.

    So it is with a fine-tune that has added characters to those of its start. The start gets the rows of the new ones
    as they are in the mean of those that have them, so that the mean of all has the same.

    Args:
        trainings, shares: as :func:`average_trainings` takes them. What lies beside a file says its dictionary.
    Raises:
        UserError: there are more dictionaries, or neither of two has all characters of the other.
    """
    paths = {file: path for file in trainings if (path := find_dictionary(file))}
    known = {file: read_trained_characters(trainings[file], path) for file, path in paths.items()}
    widest = max(known, key=lambda file: len({*known[file]}), default=None)
    narrow = [file for file in known if widest is not None and known[file] != known[widest]]
    if widest is None or not narrow:
        return Fitted(dict(trainings), paths.get(widest) if widest else None, None)
    of_both = _require_nested(widest, narrow, known, paths)
    share_of = dict(zip(trainings, _check_shares(shares, len(trainings)) or [1.0] * len(trainings)))
    owners = [file for file in known if file not in narrow]
    total = sum(share_of[file] for file in owners)
    wide = average_trainings({file: trainings[file] for file in owners}, [share_of[file] / total for file in owners])
    fitted = dict(trainings)
    for file in narrow:
        fitted[file], rows = remap_rows(trainings[file], wide.params, known[file], known[widest])
        if not rows:
            raise UserError(f"{of_both}, and no layer has a row for each; average trainings of one dictionary.")
    new = [repr(character) for character in sorted({*known[widest]} - {*known[narrow[0]]})]
    end = f"; the rows of {', '.join(first_few(new))} are those of {_join(owners)} alone" if new else ""
    moved = f"{_join(narrow)}: the rows were moved to the characters of {paths[widest]}"
    return Fitted(fitted, paths[widest], f"{moved}{end}.")


def _require_nested(
    widest: PathLike,
    narrow: Sequence[PathLike],
    known: Mapping[PathLike, Sequence[str]],
    paths: Mapping[PathLike, Path],
) -> str:
    """Refuse more than two dictionaries, and two of which neither has all characters of the other.

    Args:
        widest: the training with the most characters.
        narrow: those of other dictionaries.
        known, paths: {training: its characters}, {training: its dictionary}
    Returns:
        What an error message says of the two dictionaries.
    """
    first, *others = narrow
    of_both = f"{first} was trained with the characters of {paths[first]}, {widest} with those of {paths[widest]}"
    third = next((file for file in others if known[file] != known[first]), None)
    if third is not None:
        raise UserError(
            f"{of_both}, {third} with those of {paths[third]}; average trainings of two dictionaries first, and their"
            " mean with the others."
        )
    lost = sorted({*known[first]} - {*known[widest]})
    if lost:
        raise UserError(
            f"{of_both}, which lack {len(lost)} of the former, such as {lost[0]!r}; fine-tune with a dictionary of all"
            " characters, and average that training."
        )
    return of_both


def _join(files: Iterable[PathLike]) -> str:
    return ", ".join(map(str, files))


def _list_options(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of each option in nested mappings and lists."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from _list_options(inner, f"{key}.{name}" if key else str(name))
    if not items:
        yield key, value


def _require_alike(
    first: PathLike, expected: Mapping[str, np.ndarray], other: PathLike, params: Mapping[str, np.ndarray]
) -> None:
    for name in sorted(name for name in expected.keys() | params.keys() if not name.endswith(CENTERS)):
        if (name in expected) != (name in params):
            owner, lacking = (first, other) if name in expected else (other, first)
            raise UserError(f"{owner} has {name}, {lacking} does not; average trainings of one network.")
        if expected[name].shape != params[name].shape:
            raise UserError(
                f"{name} is {list(expected[name].shape)} in {first} and {list(params[name].shape)} in {other};"
                " average trainings of one network and one dictionary."
            )


def _check_shares(shares: Sequence[float] | None, count: int) -> Sequence[float] | None:
    if shares is None:
        return None
    if len(shares) != count or not all(share > 0 for share in shares) or abs(sum(shares) - 1) > 1e-6:
        raise UserError(
            f"--shares {','.join(map(str, shares))}: give {count} numbers above 0 with a sum of 1, one for each file."
        )
    return shares


def _mean(arrays: Sequence[np.ndarray], shares: Sequence[float] | None) -> np.ndarray:
    kinds = [array.dtype for array in arrays if array.dtype.kind == "f"]
    if not kinds:
        return np.maximum.reduce(arrays)
    return np.average(np.asarray(arrays, dtype=np.float64), axis=0, weights=shares).astype(np.result_type(*kinds))


def _length(arrays: Iterable[np.ndarray]) -> float:
    return float(np.sqrt(sum(np.square(array, dtype=np.float64).sum() for array in arrays)))
