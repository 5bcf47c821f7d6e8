"""What the centers of a training set cover, as a table."""

import numpy as np
import pytest

from ppocrv2_ext.commands.center_coverage import render, require_frames, tabulate_coverage
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.center_loss import means

D = 4
CHARACTERS = ["blank", "a", "b", "c", " "]


def _class_means(counts, label_counts, **changes):
    fields = {"spreads": np.array([0, 1.0, 3.0, 0, 9.0]), "used_lines": 4, "unused_lines": 1, **changes}
    centers = np.diag([0.0, 3, 0, 0, 4])[:, :D]
    return means.ClassMeans(centers, np.array(counts), label_counts=np.array(label_counts), **fields)


def test_coverage_by_hand():
    totals = _class_means([0, 12, 9, 0, 1], [0, 2, 2, 5, 1])
    rows = dict(tabulate_coverage(totals, CHARACTERS, "misread", ["a.png\tx"], 3))
    assert rows["classes with a center"] == "3 of 4"
    assert rows["characters in the labels"] == "4"
    assert rows["  without a center"] == "1: c"
    assert rows["frames"] == "22"
    assert [rows[f"  classes with {band}"] for band in ("0", "1 to 9", "10 to 99", "10000 or more")] == list("1210")
    assert rows["distance of a frame to its center"] == "2.000"  # of classes with more than one frame
    assert rows["lines"] == "8"
    assert rows["  no sample"] == "3:\na.png\tx\n..."
    assert rows["  misread"] == "1"


def test_the_distance_between_centers_is_over_all_pairs():
    totals = _class_means([0, 1, 1, 0, 1], [0] * 5)
    points = totals.centers[[1, 2, 4]]
    pairs = [((points[i] - points[j]) ** 2).sum() for i, j in ((0, 1), (0, 2), (1, 2))]
    rows = dict(tabulate_coverage(totals, CHARACTERS, "misread", [], 0))
    assert float(rows["distance between centers"]) == pytest.approx(np.sqrt(np.mean(pairs)), abs=1e-3)


@pytest.fixture
def no_centers():
    """The means of 26 characters of which no line gave a frame."""
    return means.ClassMeans(np.zeros((27, D)), np.zeros(27, int), np.zeros(27), np.r_[0, np.ones(26, int)], 1, 0)


def test_twenty_characters_without_a_center_are_shown(no_centers):
    rows = dict(tabulate_coverage(no_centers, ["blank", *"abcdefghijklmnopqrstuvwxyz"], "misread", [], 0))
    assert rows["  without a center"] == "26: a b c d e f g h i j k l m n o p q r s t ..."


def test_a_rendered_row_has_its_title_and_its_value():
    lines = render([("frames", "22")], "Centers").splitlines()
    assert lines[0] == "Centers"
    assert any(line.split() == ["|", "frames", "|", "22", "|"] for line in lines)


def test_means_without_a_frame_are_refused(no_centers):
    with pytest.raises(UserError, match="none of 1 lines gave a frame"):
        require_frames(no_centers)
