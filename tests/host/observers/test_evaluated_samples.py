"""The samples of an evaluation, from the transforms that made them."""

from types import SimpleNamespace

import numpy as np
import pytest

LINES = {
    "Architecture": {"model_type": "rec"},
    "Metric": {"name": "RecMetric"},
    "Eval": {"dataset": {"data_dir": "words"}},
}


@pytest.fixture
def collect(wheel):
    """The picture that is shown of a line whose pixels are 0.8 after its transforms."""
    from ppocrv2_ext.host.observers.evaluated_samples import EvaluatedSamples

    def picture(*transforms):
        samples = EvaluatedSamples(LINES, transforms)
        return samples._picture(np.full((3, 4, 8), 0.8, "float32"), is_line=False)

    return picture


def test_a_line_is_shown_by_the_numbers_of_normalize_image(collect):
    image = collect(SimpleNamespace(scale=1 / 255, mean=0.0, std=1.0))
    assert (image == 204).all()


def test_numbers_of_a_transform_without_a_scale_are_not_taken(collect):
    """PaddleOCR's SPINRecResizeImg has a mean and a deviation, in units of its own."""
    image = collect(SimpleNamespace(mean=127.5, std=127.5))
    assert np.abs(image.astype(int) - 229).max() <= 1  # 255 * (0.8 * 0.5 + 0.5)
