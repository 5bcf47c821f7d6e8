"""A detector is evaluated on pictures of at most 4000 pixels a side, as `ocr` and PaddleOCR 3 let it see them."""

import numpy as np
import pytest

from ppocrv2_ext.deploy.detect import resized_shape
from ppocrv2_ext.host.samples.scene_size import limit_side


class WithoutLimit:
    """Any DetResizeForTest without the limit."""

    limit_side_len, limit_type = 736, "min"

    def resize(self, img):
        return img, "PaddleOCR's own"


@pytest.mark.parametrize("options", [None, {"limit_side_len": 960, "limit_type": "min"}])
def test_a_large_picture_is_seen_as_ocr_sees_it(wheel, options):
    from ppocr.data import imaug

    resize = imaug.create_operators([{"DetResizeForTest": options}])
    seen = imaug.transform({"image": np.zeros((4000, 6016, 3), np.uint8)}, resize)
    assert seen["image"].shape[:2] == resized_shape((4000, 6016), options or {}) == (2656, 4000)
    np.testing.assert_allclose(seen["shape"], [4000, 6016, 2656 / 4000, 4000 / 6016])


@pytest.mark.parametrize("shape", [(720, 1280), (4000, 3000), (736, 4000)])
def test_a_picture_within_the_limit_is_left_to_paddleocr(shape):
    picture = np.zeros((*shape, 3), np.uint8)
    assert limit_side(WithoutLimit.resize)(WithoutLimit(), picture)[1] == "PaddleOCR's own"


def test_a_method_that_knows_the_limit_stays_what_it_is():
    def resize(self, img):
        return img[: self.max_side_limit], [1.0, 1.0]

    assert limit_side(resize) is resize
