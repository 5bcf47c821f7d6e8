"""The mean of the weights of several trainings from one file: a network that reads about as well as all of them.

Wortsman et al., Model soups, arXiv:2203.05482.
"""

from typing import NamedTuple

import numpy as np

from ..data.dictionary import read_dictionary
from ..errors import UserError
from .character_rows import find_dictionary

CENTERS = ("head.centers", "head.center_counts")  # ends of names; of features that the averaged network does not have
STATISTICS = ("._mean", "._variance")
FAR = 0.5  # fine-tunes lie at a few hundredths, unrelated networks at about 1


class Average(NamedTuple):
    """``params``: {name: ndarray}. ``distances``: of each training from the mean, in lengths of the mean."""

    params: dict
    distances: list
    statistics_differ: bool  # BatchNorm's


def average(trainings):
    """The mean of every parameter, without the class centers.

    Args:
        trainings: {file: {name: array}}, two or more, of one network or of the same several.
    Returns:
        Average.
    Raises:
        UserError: a name or a shape is not that of the first file.
    """
    first, *others = trainings
    names = [name for name in trainings[first] if not name.endswith(CENTERS)]
    for other in others:
        _require_alike(first, trainings[first], other, trainings[other])
    params = {name: _mean([training[name] for training in trainings.values()]) for name in names}
    learnt = [name for name in names if not name.endswith(STATISTICS)]
    length = _length(params[name] for name in learnt)
    distances = [_length(training[name] - params[name] for name in learnt) / length for training in trainings.values()]
    apart = any(
        not np.array_equal(training[name], trainings[first][name])
        for training in trainings.values()
        for name in names
        if name.endswith(STATISTICS)
    )
    return Average(params, distances, apart)


def warnings(mean):
    """Sentences about an :class:`Average` that may read worse than its trainings."""
    if max(mean.distances) > FAR:
        yield "the trainings are too far apart to have begun from one file; their mean may read nothing."
    if mean.statistics_differ:
        yield "their BatchNorm statistics differ, and the mean's would be others: train with freeze_norm: true."


def shared_dictionary(files):
    """Path of the dictionary that the files were trained with, None if none is recorded.

    Raises:
        UserError: two were trained with different characters.
    """
    known = {file: found for file in files if (found := find_dictionary(file))}
    if not known:
        return None
    first, *others = known
    characters = read_dictionary(known[first])
    for other in others:
        if read_dictionary(known[other]) != characters:
            raise UserError(
                f"{other} was trained with the characters of {known[other]}, {first} with those of {known[first]};"
                " average trainings of one dictionary."
            )
    return known[first]


def _require_alike(first, expected, other, found):
    for name in sorted(name for name in expected.keys() | found.keys() if not name.endswith(CENTERS)):
        if (name in expected) != (name in found):
            there, missing = (first, other) if name in expected else (other, first)
            raise UserError(f"{there} has {name}, {missing} does not; average trainings of one network.")
        if expected[name].shape != found[name].shape:
            raise UserError(
                f"{name} is {list(expected[name].shape)} in {first} and {list(found[name].shape)} in {other};"
                " average trainings of one network and one dictionary."
            )


def _mean(arrays):
    return np.mean(arrays, axis=0, dtype=np.float64).astype(arrays[0].dtype)


def _length(arrays):
    return float(np.sqrt(sum(np.square(array, dtype=np.float64).sum() for array in arrays)))
