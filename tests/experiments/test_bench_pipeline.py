"""The benchmark of the training transforms."""

import pytest
from bench_pipeline import PIPELINES, SIDES, build_loader, count_repeats


def test_an_epoch_has_the_batches_of_all_rounds_of_the_warm_up_and_of_a_reserve(tmp_path):
    labels = tmp_path / "train.txt"
    labels.write_text("a.png\ta\n\nb.png\tb\n" * 4, encoding="utf-8")
    # (2 rounds + warm-up + reserve) x (2 batches in store + 3 measured) x 32 lines, of 8 in the file
    assert count_repeats(PIPELINES["direction"], labels, workers=1, batches=3, rounds=2) == 4 * 5 * 32 // 8


def test_a_long_label_file_is_read_once(tmp_path):
    labels = tmp_path / "train.txt"
    labels.write_text("a.png\ta\n" * 1000, encoding="utf-8")
    assert count_repeats(PIPELINES["direction"], labels, workers=1, batches=3, rounds=2) == 1


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", PIPELINES)
def test_the_samples_of_the_repository_are_enough_where_no_labels_are_given(wheel, name, side):
    pipeline = PIPELINES[name]
    dataset = build_loader(pipeline, pipeline.labels, side).dataset
    assert len(dataset[0]) >= 2
