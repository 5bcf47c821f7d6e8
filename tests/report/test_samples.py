"""Samples of an evaluation: which ones are kept, which boxes are found."""

import base64

import cv2
import numpy as np
import pytest

from ppocrv2_ext.report.confusions import Confusion
from ppocrv2_ext.report.samples import (
    SCENE_SIDE,
    WRONG_LINES,
    HighestScores,
    LineSamples,
    SceneSamples,
    encode_picture,
    sort_boxes_by_fate,
)


def picture():
    return np.full((32, 64, 3), 200, np.uint8)


def box(x, y, width=10, height=10):
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], float)


def test_the_highest_scores_are_kept():
    kept = HighestScores(3)
    for score in (5, 1, 4, 2, 3):
        kept.offer(score, lambda score=score: score)
    assert kept.items() == [5, 4, 3]


def test_nothing_is_made_for_what_is_not_kept():
    kept, made = HighestScores(2), []
    for score in range(10, 0, -1):
        kept.offer(score, lambda score=score: made.append(score))
    assert made == [10, 9]


def test_of_equal_scores_the_first_is_kept():
    kept = HighestScores(1)
    for name in "ab":
        kept.offer(1.0, lambda name=name: name)
    assert kept.items() == ["a"]


def test_lines_are_counted_and_the_surest_fault_comes_first():
    samples = LineSamples()
    for index in range(WRONG_LINES + 10):
        samples.add(f"{index}.png", "京1", "京7", index / 100, picture)
    samples.add("right.png", "京1", "京1", 0.5, picture)
    assert (samples.count, samples.wrong_count) == (WRONG_LINES + 11, WRONG_LINES + 10)
    assert [line.name for line in samples.wrong][:2] == [f"{WRONG_LINES + 9}.png", f"{WRONG_LINES + 8}.png"]
    assert len(samples.wrong) == WRONG_LINES
    assert samples.confusions == {Confusion("1", "7"): WRONG_LINES + 10}


def test_the_least_sure_right_line_comes_first():
    samples = LineSamples()
    for confidence in (0.9, 0.4, 0.7):
        samples.add("", "a", "a", confidence, picture)
    assert [line.confidence for line in samples.right] == [0.4, 0.7, 0.9]


def test_classes_are_confused_as_a_whole():
    samples = LineSamples(classes=True)
    samples.add("", "180", "0", 0.9, picture)
    assert samples.confusions == {Confusion("180", "0"): 1}


def test_a_picture_survives_its_address():
    image = np.zeros((20, 30, 3), np.uint8)
    image[:, :, 0] = 255  # red
    data = base64.b64decode(encode_picture(image).partition(",")[2])
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (20, 30, 3)
    assert decoded[..., 2].mean() > 240
    assert decoded[..., 0].mean() < 15


@pytest.mark.parametrize(
    ("shape", "shown"), [((2, 65500), (2, 65500)), ((8, 131000), (4, 65500)), ((65501, 1), (65500, 1))]
)
def test_a_picture_that_jpeg_cannot_hold_is_scaled_down(shape, shown):
    data = base64.b64decode(encode_picture(np.full((*shape, 3), 200, np.uint8)).partition(",")[2])
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (*shown, 3)
    assert abs(decoded.astype(int) - 200).max() < 5


def test_boxes_by_hand():
    found, missed, wrong = sort_boxes_by_fate(
        [box(0, 0), box(100, 0)], [False, False], [box(1, 0), box(200, 0)]
    )  # of the first box 9 / 11 is common
    assert [each[0].tolist() for each in (found[0], missed[0], wrong[0])] == [[1, 0], [100, 0], [200, 0]]


def test_two_boxes_do_not_find_the_same_text():
    found, missed, wrong = sort_boxes_by_fate([box(0, 0)], [False], [box(0, 0), box(0, 0)])
    assert (len(found), len(missed), len(wrong)) == (1, 0, 1)


def test_half_in_common_is_not_enough():
    # A box shifted by a third has an intersection over union of (2/3) / (4/3): just one half.
    assert sort_boxes_by_fate([box(0, 0, 9, 9)], [False], [box(3, 0, 9, 9)])[0] == []


def test_ignored_text_is_neither_missed_nor_wrong():
    assert sort_boxes_by_fate([box(0, 0)], [True], [box(2, 2, 5, 5)]) == ([], [], [])
    assert sort_boxes_by_fate([box(0, 0)], [True], []) == ([], [], [])


def test_a_border_that_crosses_itself_is_no_error():
    crossed = box(0, 0)[[0, 2, 1, 3]]
    assert len(sort_boxes_by_fate([crossed], [False], [box(50, 50)])[1]) == 1


def test_boxes_agree_with_paddleocrs_metric(wheel):
    from ppocr.metrics import build_metric

    rng = np.random.default_rng(7)
    metric = build_metric({"name": "DetMetric", "main_indicator": "hmean"})
    labelled = [box(*rng.integers(0, 100, 2)) for _ in range(20)]
    ignored = [index % 5 == 0 for index in range(20)]
    boxes = [each + rng.normal(0, 1, (1, 2)) for each in labelled[:15]] + [box(300, 300)]
    metric([{"points": np.array(boxes)}], [None, None, np.array([labelled]), np.array([ignored])])
    values = metric.get_metric()
    found, missed, wrong = map(len, sort_boxes_by_fate(labelled, ignored, boxes))
    assert found / (found + missed) == pytest.approx(values["recall"])
    assert found / (found + wrong) == pytest.approx(values["precision"])


def test_the_worst_scene_comes_first_and_large_pictures_are_scaled_down():
    samples = SceneSamples()
    for name, boxes in (("half.jpg", [box(0, 0)]), ("none.jpg", []), ("all.jpg", [box(0, 0), box(100, 100)])):
        samples.add(
            name,
            [box(0, 0), box(100, 100)],
            [False, False],
            boxes,
            (2.0, 2.0),
            lambda: np.zeros((500, 1440, 3), np.uint8),
        )
    assert [scene.name for scene in samples.worst] == ["none.jpg", "half.jpg"]
    assert [scene.name for scene in samples.best] == ["all.jpg"]
    assert (samples.count, samples.found, samples.missed, samples.wrong) == (3, 3, 3, 0)
    scene = samples.worst[0]
    assert scene.size == (SCENE_SIDE, 250)
    # A corner at 100 is at 200 in a picture of twice the size, and at 100 in the one that is shown at half of it.
    assert scene.missed[1][0].tolist() == [100.0, 100.0]


def test_a_space_counts_unless_the_metric_ignores_it():
    strict, loose = LineSamples(), LineSamples(ignore_space=True)
    for samples in (strict, loose):
        samples.add("a.png", "SUB TOTAL", "SUBTOTAL", 0.9, lambda: np.zeros((4, 8, 3), np.uint8))
    assert (strict.wrong_count, loose.wrong_count) == (1, 0)
    assert not loose.confusions
