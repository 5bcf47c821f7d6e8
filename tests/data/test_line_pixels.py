"""A line as the input of a network: its aspect, its values, and PaddleOCR's own pixels."""

import numpy as np
import pytest

from ppocrv2_ext.data.line_pixels import natural_width, resize_line


def make_line(height, width):
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_short_line_keeps_its_aspect_and_is_padded_with_grey():
    result = resize_line(make_line(16, 40), 32, 320)
    assert result.shape == (3, 32, 320)
    assert not result[:, :, 80:].any()
    assert result[:, :, :80].all(axis=0).any(axis=0).all()


def test_a_line_is_squeezed_if_it_is_too_long_and_stretched_on_request():
    for used, width in ((None, 160), (320, 40)):
        assert resize_line(make_line(8, width), 32, 320, used)[:, :, -1].any()


@pytest.mark.parametrize(("hw", "width"), [((16, 40), 80), ((33, 331), 321), ((100, 1), 1)])
def test_a_natural_width_is_rounded_up(hw, width):
    assert natural_width(make_line(*hw), 32) == width


def test_pixels_go_from_minus_one_to_one():
    white, black = (resize_line(np.full((8, 8, 3), value, np.uint8), 32, 32) for value in (255, 0))
    assert (white == 1).all()
    assert (black == -1).all()


@pytest.mark.parametrize("hw", [(16, 40), (16, 400), (33, 331), (100, 1), (32, 320)])
def test_parity_with_paddleocr(wheel, hw):
    from ppocr.data.imaug.rec_img_aug import RecResizeImg

    image = make_line(*hw)
    stock = RecResizeImg(image_shape=[3, 32, 320])({"image": image})["image"]
    np.testing.assert_array_equal(resize_line(image), stock)
