"""The metrics of the completed wheel: hand values and slow references."""

import numpy as np
import pytest
from shapely.geometry import Polygon
from stand_in_host import builder, quadrangles

from ppocrv2_ext.errors import UserError

pytest_plugins = ["stand_in_host"]
pytestmark = pytest.mark.usefixtures("completed")
SQUARE = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], dtype="float32")
CROSSED = SQUARE[[0, 2, 1, 3]]


def shifted(x):
    return SQUARE + np.array([x, 0], dtype="float32")


def lines(predictions, labels, **options):
    metric = builder("metric")({"name": "RecMetric", **options})
    values = metric(([(text, 0.9) for text in predictions], [(text, 1.0) for text in labels]))
    assert metric.get_metric() == pytest.approx(values)
    return values


def test_accuracy_and_edit_distance_by_hand():
    # exact; one of three letters wrong; nothing read of two letters
    values = lines(["abc", "abx", ""], ["abc", "abc", "de"])
    assert values == pytest.approx({"acc": 1 / 3, "norm_edit_dis": 1 - (1 / 3 + 1) / 3}, abs=1e-5)


def test_spaces_do_not_count_unless_asked():
    assert lines(["a b"], ["ab"])["acc"] == pytest.approx(1, abs=1e-4)
    assert lines(["a b"], ["ab"], ignore_space=False)["acc"] == 0


def test_filter_compares_ascii_letters_and_digits_regardless_of_case():
    assert lines(["A-1é"], ["a 1中"], is_filter=True)["acc"] == pytest.approx(1, abs=1e-4)


def test_no_lines_give_zero_accuracy():
    metric = builder("metric")({"name": "RecMetric"})
    assert metric.get_metric() == {"acc": 0, "norm_edit_dis": 1}


def test_values_gather_over_batches_and_then_start_anew():
    metric = builder("metric")({"name": "RecMetric"})
    metric(([("a", 1.0)], [("a", 1.0)]))
    metric(([("b", 1.0)], [("a", 1.0)]))
    assert metric.get_metric()["acc"] == pytest.approx(1 / 2, abs=1e-5)
    assert metric.get_metric()["acc"] == 0


def test_classes_by_hand():
    metric = builder("metric")({"name": "ClsMetric"})
    metric(([("0", 0.9), ("180", 0.6)], [("0", 1.0), ("0", 1.0)]))
    assert metric.get_metric()["acc"] == pytest.approx(1 / 2, abs=1e-5)


def regions(*images):
    """Values over images given as (labels, ignore flags, predictions)."""
    metric = builder("metric")({"name": "DetMetric"})
    for labels, ignore, predictions in images:
        metric([{"points": predictions}], [None, None, [labels], [ignore]])
    return metric.get_metric()


def test_one_of_two_labels_found_among_three_predictions():
    values = regions(([shifted(0), shifted(50)], [False, False], [shifted(1), shifted(100), shifted(200)]))
    assert values == pytest.approx({"precision": 1 / 3, "recall": 1 / 2, "hmean": 0.4})


def test_an_overlap_of_exactly_one_half_is_not_enough():
    assert regions(([SQUARE], [False], [SQUARE * [1, 0.5]]))["hmean"] == 0
    assert regions(([SQUARE], [False], [SQUARE * [1, 0.51]]))["hmean"] == 1


def test_a_prediction_serves_one_label():
    assert regions(([SQUARE, SQUARE], [False, False], [SQUARE]))["recall"] == 0.5


def test_an_ignored_label_neither_counts_nor_costs():
    values = regions(([shifted(0), shifted(50)], [False, True], [shifted(0), shifted(51)]))
    assert values == {"precision": 1, "recall": 1, "hmean": 1}


def test_an_outline_that_crosses_itself_is_left_out():
    assert regions(([SQUARE, CROSSED], [False, False], [SQUARE, CROSSED]))["hmean"] == 1


def test_counts_add_up_over_images():
    values = regions(([SQUARE], [False], [SQUARE]), ([SQUARE], [False], []), ([], [], [SQUARE]))
    assert values == pytest.approx({"precision": 1 / 2, "recall": 1 / 2, "hmean": 1 / 2})


def test_nothing_seen_and_nothing_found_give_zeros():
    zeros = {"precision": 0, "recall": 0, "hmean": 0}
    assert regions() == zeros
    assert regions(([], [], [])) == zeros
    assert regions(([SQUARE], [False], [])) == zeros


def counted_slowly(labels, ignore, predictions):
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
    assert counts == counted_slowly(labels, ignore, found)
    assert counts[2] > 0


def distillation(**options):
    config = {"name": "DistillationMetric", "base_metric_name": "RecMetric", "key": "Student", **options}
    return builder("metric")(config)


def test_values_of_other_networks_carry_their_name():
    metric = distillation(main_indicator="acc")
    right, wrong = ([("a", 1.0)], [("a", 1.0)]), ([("b", 1.0)], [("a", 1.0)])
    metric({"Student": right, "Teacher": wrong}, None)
    values = metric.get_metric()
    assert sorted(values) == ["Teacher_acc", "Teacher_norm_edit_dis", "acc", "norm_edit_dis"]
    assert values["acc"] > 0.9 > values["Teacher_acc"] == 0
    assert metric.get_metric()["acc"] == 0


def test_options_reach_the_base_metric():
    metric = distillation(ignore_space=False)
    metric({"Student": ([("a b", 1.0)], [("ab", 1.0)])}, None)
    assert metric.get_metric()["acc"] == 0


def test_the_main_indicator_is_the_base_metrics_by_default():
    assert distillation().main_indicator == "acc"
    assert distillation(base_metric_name="DetMetric").main_indicator == "hmean"


def test_a_network_that_is_not_there_is_named():
    with pytest.raises(UserError, match="no network 'Studnet'; did you mean 'Student'"):
        distillation(key="Studnet")({"Student": ([], []), "Teacher": ([], [])}, None)
