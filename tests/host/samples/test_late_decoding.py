"""The other picture of Copy-Paste is decoded when its pixels are asked for."""

import pytest

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host.samples.late_decoding import LateDecoding


def test_a_picture_that_cannot_be_decoded_late_is_named():
    late = LateDecoding(lambda data: None)
    jpeg = (
        b"\xff\xd8\xff\xc0\0\x11\x08\0\x14\0\x1e\x03"
        + b"\x01\x11\0" * 3
        + b"\xff\xda\0\x0c\0\0\0\0\0\0\0\0\0\0\xff\xd9"
    )
    picture = late({"image": jpeg, "img_path": "b.jpg"})["image"]
    assert picture.shape == (20, 30, 3)
    with pytest.raises(UserError, match="^Copy-Paste takes text from b.jpg, which cannot be decoded as an image"):
        picture.pixels()


def test_a_picture_that_is_no_usual_jpeg_is_decoded_at_once():
    late = LateDecoding(lambda data: {**data, "image": "decoded"})
    for content in (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM"):
        assert late({"image": content})["image"] == "decoded"
