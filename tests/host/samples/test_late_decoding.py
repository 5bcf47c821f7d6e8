"""The other picture of Copy-Paste is decoded when its pixels are asked for, and not read if nothing is pasted."""

import copy

import numpy as np
import pytest

from ppocrv2_ext import config
from ppocrv2_ext.config.resolve import with_copy_paste_index
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host.samples import draw_samples
from ppocrv2_ext.host.samples.late_decoding import LateDecoding

PASTE = ["Train.dataset.transforms.TextCopyPaste.p=1"]


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


@pytest.mark.parametrize("name", [name for name in config.built_in() if "_det_cml_finetune" in name])
def test_a_fine_tune_by_cml_has_the_same_samples_with_copy_paste_off_and_without_it(wheel, samples, name):
    scenes = samples / "icdar2015_scenes"
    data = [f"Train.dataset.data_dir={scenes}", f"Train.dataset.label_file_list=[{scenes}/train.txt]"]
    off, on = (config.override(config.read(config.locate(name)), [*data, *more]) for more in ([], PASTE))
    without = copy.deepcopy(off)
    transforms = without["Train"]["dataset"]["transforms"]
    transforms[:] = [entry for entry in transforms if "TextCopyPaste" not in entry]
    drawn = [
        [sample.image for sample in draw_samples.draw(with_copy_paste_index(each), 6, 1)[0]]
        for each in (without, off, on)
    ]
    assert all(np.array_equal(*pair) for pair in zip(drawn[0], drawn[1]))
    assert not all(np.array_equal(*pair) for pair in zip(drawn[0], drawn[2]))
