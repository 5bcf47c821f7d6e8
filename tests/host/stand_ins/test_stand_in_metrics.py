"""The metrics of the completed wheel: hand values and slow references."""

import numpy as np
import pytest
from shapely.geometry import Polygon
from stand_in_host import builder, quadrangles

pytest_plugins = ["stand_in_host"]
pytestmark = pytest.mark.usefixtures("completed")
SQUARE = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], dtype="float32")
CROSSED = SQUARE[[0, 2, 1, 3]]


def shifted(x):
    return SQUARE + np.array([x, 0], dtype="float32")


def read_lines(predictions, labels, **options):
    """Values of RecMetric over lines of text."""
    metric = builder("metric")({"name": "RecMetric", **options})
    metric(([(text, 0.9) for text in predictions], [(text, 1.0) for text in labels]))
    return metric.get_metric()


def test_accuracy_and_edit_distance_by_hand():
    # exact; one of three letters wrong; nothing read of two letters
    values = read_lines(["abc", "abx", ""], ["abc", "abc", "de"])
    assert values == pytest.approx({"acc": 1 / 3, "norm_edit_dis": 1 - (1 / 3 + 1) / 3}, abs=1e-5)


def test_spaces_count_only_without_ignore_space():
    assert read_lines(["a b"], ["ab"])["acc"] == pytest.approx(1, abs=1e-4)
    assert read_lines(["a b"], ["ab"], ignore_space=False)["acc"] == 0


def test_no_lines_give_zero_accuracy():
    metric = builder("metric")({"name": "RecMetric"})
    assert metric.get_metric() == {"acc": 0, "norm_edit_dis": 1}


def test_values_are_means_over_the_batches_since_the_last_reading():
    metric = builder("metric")({"name": "RecMetric"})
    metric(([("a", 1.0)], [("a", 1.0)]))
    metric(([("b", 1.0)], [("a", 1.0)]))
    assert metric.get_metric()["acc"] == pytest.approx(1 / 2, abs=1e-5)
    assert metric.get_metric()["acc"] == 0


def test_accuracy_of_classes_by_hand():
    metric = builder("metric")({"name": "ClsMetric"})
    metric(([("0", 0.9), ("180", 0.6)], [("0", 1.0), ("0", 1.0)]))
    assert metric.get_metric()["acc"] == pytest.approx(1 / 2, abs=1e-5)


def detect(*images):
    """Values over images given as (labels, ignore flags, predictions)."""
    metric = builder("metric")({"name": "DetMetric"})
    for labels, ignore, predictions in images:
        metric([{"points": predictions}], [None, None, [labels], [ignore]])
    return metric.get_metric()


def test_region_values_by_hand():
    # one of two labels is found, by one of three predictions
    values = detect(([shifted(0), shifted(50)], [False, False], [shifted(1), shifted(100), shifted(200)]))
    assert values == pytest.approx({"precision": 1 / 3, "recall": 1 / 2, "hmean": 0.4})


def test_an_overlap_of_exactly_one_half_is_not_enough():
    assert detect(([SQUARE], [False], [SQUARE * [1, 0.5]]))["hmean"] == 0
    assert detect(([SQUARE], [False], [SQUARE * [1, 0.51]]))["hmean"] == 1


def test_a_prediction_matches_one_label_only():
    assert detect(([SQUARE, SQUARE], [False, False], [SQUARE]))["recall"] == 0.5


def test_an_ignored_label_and_the_prediction_on_it_do_not_count():
    values = detect(([shifted(0), shifted(50)], [False, True], [shifted(0), shifted(51)]))
    assert values == {"precision": 1, "recall": 1, "hmean": 1}


def test_an_outline_that_crosses_itself_is_left_out():
    assert detect(([SQUARE, CROSSED], [False, False], [SQUARE, CROSSED]))["hmean"] == 1


def test_counts_add_up_over_images():
    values = detect(([SQUARE], [False], [SQUARE]), ([SQUARE], [False], []), ([], [], [SQUARE]))
    assert values == pytest.approx({"precision": 1 / 2, "recall": 1 / 2, "hmean": 1 / 2})


def test_without_labels_or_predictions_the_values_are_zero():
    zeros = {"precision": 0, "recall": 0, "hmean": 0}
    assert detect() == zeros
    assert detect(([], [], [])) == zeros
    assert detect(([SQUARE], [False], [])) == zeros


def match_slowly(labels, ignore, predictions):
    """The protocol pair by pair: (labels, predictions that count, found)."""
    labels = [(Polygon(p), skip) for p, skip in zip(labels, ignore) if Polygon(p).is_valid]
    kept = [
        p
        for p in map(Polygon, predictions)
        if p.is_valid and not any(skip and p.intersection(g).area > 0.5 * p.area for g, skip in labels)
    ]
    taken = set()
    for label in (g for g, skip in labels if not skip):
        for i, p in enumerate(kept):
            if i not in taken and label.intersection(p).area / label.union(p).area > 0.5:
                taken.add(i)
                break
    return sum(not skip for _, skip in labels), len(kept), len(taken)


@pytest.mark.parametrize("seed", range(4))
def test_matching_agrees_with_the_protocol_pair_by_pair(completed, seed):
    match_regions = completed("ppocr.metrics.eval_det_iou").match_regions
    labels, ignore = quadrangles(f"labels {seed}", 30), np.arange(30) % 4 == 0
    found = np.concatenate([labels[::2] + 1.5, quadrangles(f"found {seed}", 15)])
    counts = match_regions(labels[~ignore], labels[ignore], found)
    assert counts == match_slowly(labels, ignore, found)
    assert counts[2] > 0
