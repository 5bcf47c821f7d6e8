"""Boxes of a detector and labelled ones, matched one to one."""

import numpy as np
import pytest
from shapely.geometry import Polygon

from ppocrv2_ext.data.matching import match_boxes

BOX = np.array([[0, 0], [10, 0], [10, 10], [0, 10]])


def test_every_box_matches_itself():
    boxes = [BOX + 20 * i for i in range(4)]
    pairs, counts = match_boxes(boxes, [False] * 4, boxes)
    assert pairs == [(i, i) for i in range(4)]
    assert counts.all()


@pytest.mark.parametrize(("shift", "is_found"), [(3, True), (4, False)])  # overlap 70/130 = 0.54 and 60/140 = 0.43
def test_more_than_half_must_be_common(shift, is_found):
    assert bool(match_boxes([BOX], [False], [BOX + np.array([shift, 0])])[0]) == is_found


def test_a_labelled_box_takes_the_first_that_is_free():
    pairs, _ = match_boxes([BOX, BOX], [False, False], [BOX + 50, BOX, BOX, BOX])
    assert pairs == [(0, 1), (1, 2)]


@pytest.mark.parametrize(("shift", "does_count"), [(4, False), (6, True)])
def test_a_box_that_lies_mostly_in_an_ignored_one_does_not_count(shift, does_count):
    pairs, counts = match_boxes([BOX], [True], [BOX + np.array([shift, 0])])
    assert (pairs, counts.tolist()) == ([], [does_count])


def test_an_outline_that_crosses_itself_matches_itself():
    crossed = BOX[[0, 2, 1, 3]]
    assert match_boxes([crossed], [False], [crossed])[0] == [(0, 0)]


@pytest.mark.parametrize(("labelled", "found"), [([], []), ([BOX], []), ([], [BOX])])
def test_without_boxes_there_are_no_pairs(labelled, found):
    pairs, counts = match_boxes(labelled, [False] * len(labelled), found)
    assert (pairs, len(counts)) == ([], len(found))


@pytest.mark.parametrize("seed", range(4))
def test_the_pairs_are_those_of_the_rule_pair_by_pair(seed):
    rng = np.random.default_rng(seed)
    labelled = [BOX + rng.integers(0, 60, 2) for _ in range(30)]
    found = [box + rng.integers(-3, 4, 2) for box in labelled[::-2]] + [BOX + rng.integers(0, 60, 2) for _ in range(9)]
    ignored = [index % 4 == 0 for index in range(30)]
    pairs, counts = match_boxes(labelled, ignored, found)
    shared = np.array([[Polygon(a).intersection(Polygon(b)).area for b in found] for a in labelled])
    assert counts.tolist() == [not any(shared[np.array(ignored), j] > 50) for j in range(len(found))]
    expected: dict[int, int] = {}
    for i in np.flatnonzero(~np.array(ignored)):
        free = (j for j in np.flatnonzero(counts) if j not in expected.values())
        match = next((j for j in free if shared[i, j] / (200 - shared[i, j]) > 0.5), None)
        expected |= {} if match is None else {i: match}
    assert pairs == list(expected.items())
    assert len(pairs) > 5
