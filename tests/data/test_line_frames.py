"""The width that gives a text enough frames."""

import pytest

from ppocrv2_ext.data.line_frames import Frames, suggest_width

POOLED = Frames("PPLCNetV4", "RecResizeImg.image_shape", 320, 40, 40, 8.0, "Architecture.frames_by_width=true")


def test_each_frame_that_is_missing_takes_its_pixels():
    frames = Frames("PPLCNetV4", "RecResizeImg.image_shape", 160, 20, 20, 8.0)
    assert suggest_width(frames, 24) == "set the width in RecResizeImg.image_shape to 192"
    assert suggest_width(frames, 25) == "set the width in RecResizeImg.image_shape to 224"


def test_a_network_that_pools_in_training_needs_the_option_and_the_width():
    assert suggest_width(POOLED, 45) == (
        "set Architecture.frames_by_width=true and set the width in RecResizeImg.image_shape to 384"
    )


def test_the_option_alone_is_enough_if_the_width_is():
    assert suggest_width(POOLED._replace(width=640, by_width=80), 45) == "set Architecture.frames_by_width=true"


@pytest.mark.parametrize("needed", [26, 90])
def test_no_width_is_suggested_for_a_network_that_does_not_follow_it(needed):
    fixed = Frames("SVTRNet", "SVTRRecResizeImg.image_shape", 256, 25, 25, None)
    assert suggest_width(fixed, needed).startswith("SVTRNet makes 25 frames whatever the width: leave these lines out")
