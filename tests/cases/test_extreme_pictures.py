"""A picture of any shape takes a bounded amount of memory. What is lost by that is said."""

import tracemalloc

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from ppocrv2_ext.cli import main
from ppocrv2_ext.deploy import detect, lines, pages, pictures, read
from ppocrv2_ext.deploy import ocr as deploy_ocr
from ppocrv2_ext.deploy.labelled import Sample, open_samples
from ppocrv2_ext.deploy.ocr import Line
from ppocrv2_ext.deploy.sources import Picture

STRIP = np.zeros((1, 2000, 3), np.uint8)
LONGEST = np.zeros((1, pictures.LONGEST_RATIO, 3), np.uint8)
REASON = "of 2000 x 1 pixels, it is more than 250 times as wide as high and no line of text; cut it"


@pytest.fixture
def labels(tmp_path):
    """A strip, and two lines."""
    cv2.imwrite(str(tmp_path / "strip.png"), STRIP)
    for name in ("line.png", "other.png"):
        cv2.imwrite(str(tmp_path / name), np.full((32, 90, 3), 255, np.uint8))
    (tmp_path / "labels.txt").write_text("strip.png\ta\nline.png\tb\nother.png\tc\n")
    return tmp_path / "labels.txt"


class TestLines:
    @pytest.mark.parametrize("command", ["compare", "verify"])
    def test_a_strip_among_lines_is_named_and_the_others_count(self, command, model_dir, labels):
        models = [str(model_dir)] * (2 if command == "compare" else 1)
        result = CliRunner().invoke(main, [command, *models, "--data", str(labels)])
        assert result.exit_code == 1
        assert REASON in result.stderr
        assert ("      2   0.500" if command == "compare" else "2 pictures in ") in result.stdout

    def test_the_longest_line_is_read(self):
        np.testing.assert_array_equal(pictures.open_line(LONGEST), LONGEST)

    def test_a_strip_has_a_reading_with_a_problem(self, model_dir):
        strip, line = read.read_lines([STRIP, np.zeros((32, 64, 3), np.uint8)], model_dir)
        assert (strip.text, strip.problem.startswith(REASON)) == (None, True)
        assert line.problem is None

    def test_a_strip_is_no_sample_of_a_recognizer(self, labels):
        sample = Sample(labels.parent / "strip.png", "a", "strip.png", "labels.txt:1")
        assert len(open_samples([sample], pictures.open_line).problems) == 1
        assert open_samples([sample]).problems == []  # a classifier sees a square of each line

    def test_a_strip_is_squeezed_where_it_is_read(self):
        assert lines.reading_width(STRIP, 32, 320) == 250 * 32 + lines.EMPTY_END

    def test_long_lines_run_alone(self):
        assert lines.plan_batches([320, 320, 2048, 2048, 2049, 2049]) == [[4], [5], [2, 3], [0, 1]]

    def test_a_line_of_a_page_that_is_squeezed_is_said(self):
        box = np.array([(10, 5), (2010, 5), (2010, 10), (10, 10)], np.float32)
        shorter = box / np.array((9, 1), np.float32)
        found = [Line(box, "a", 0.9, False), Line(shorter, "b", 0.9, False)]
        (sentence,) = pages.find_losses(Seer(), Picture("a.png", 1, 1, np.zeros((20, 3000, 3), np.uint8)), found)
        assert sentence.startswith("a.png: the line at 10, 5 is more than 250 times as long as high")


class Seer:
    """In place of a reader whose detector has PaddleOCR's own settings."""

    def __init__(self, *models, least_score=0):
        pass

    def shrunk_size(self, shape):
        return detect.shrunk_shape(shape, {})

    def read_many(self, images):
        return ([] for _ in images)


class TestPictures:
    @pytest.mark.parametrize("rule", [{"image_shape": [736, 1280], "keep_ratio": True}, {}, {"resize_long": 960}])
    @pytest.mark.parametrize("shape", [(1, 100_000), (100_000, 1), (9, 60_000)])
    def test_the_detector_sees_no_more_than_sixteen_million_pixels(self, rule, shape):
        height, width = detect.resized_shape(shape, rule)
        assert height * width <= 4000**2
        assert min(height, width) >= 32

    @pytest.mark.parametrize(
        ("shape", "rule", "seen"),
        [
            ((8000, 450), {}, (4000, 224)),
            ((450, 8000), {}, (224, 4000)),
            ((3024, 4032), {}, None),  # a photograph of a phone
            ((450, 3900), {}, None),  # it is enlarged, only less than the rule asks
            ((8000, 450), {"max_side_limit": 9000}, None),
            ((8000, 8000), {"limit_side_len": 960, "limit_type": "max"}, None),
            ((100, 60_000), {"image_shape": [736, 1280], "keep_ratio": True}, (736, 21_728)),
            ((100, 20_000), {"image_shape": [736, 1280], "keep_ratio": True}, None),
        ],
    )
    def test_a_picture_that_is_shrunk_is_told_apart(self, shape, rule, seen):
        assert detect.shrunk_shape(shape, rule) == seen

    @pytest.mark.parametrize("command", ["ocr", "eval-system"])
    def test_a_picture_that_is_shrunk_is_said(self, tmp_path, monkeypatch, command):
        monkeypatch.setattr(deploy_ocr, "OCR", Seer)
        cv2.imwrite(str(tmp_path / "long.png"), np.full((8000, 450, 3), 255, np.uint8))
        (tmp_path / "labels.txt").write_text("long.png\t[]\n")
        arguments = ["--data", tmp_path / "labels.txt"] if command == "eval-system" else [tmp_path / "long.png"]
        result = CliRunner().invoke(main, [command, *map(str, arguments)])
        assert result.exit_code == 0
        assert (
            f"ppocrv2: {tmp_path}/long.png: its 450 x 8000 pixels were shrunk to 224 x 4000 to look for lines, so "
            "small ones may be missing; cut the picture into parts.\n"
        ) in result.stderr

    def test_a_rule_of_a_fixed_height_keeps_the_ratio_of_a_page(self):
        assert detect.resized_shape((736, 6000), {"image_shape": [736, 1280], "keep_ratio": True}) == (736, 6016)

    @pytest.mark.parametrize("turned", [False, True])
    def test_a_line_is_cut_out_of_a_picture_larger_than_opencv_4_warps(self, turned):
        small = np.random.default_rng(0).integers(0, 256, (40, 200, 3), dtype=np.uint8)
        large = np.zeros((40, 40_000, 3), np.uint8)
        large[:, 35_000:35_200] = small
        box = np.array([(50, 8), (150, 10), (149, 30), (49, 28)], np.float32)
        cut, expected = lines.cut_line(large, box + np.array((35_000, 0), np.float32)), lines.cut_line(small, box)
        assert cut.shape == expected.shape
        assert np.abs(cut.astype(int) - expected).max() <= 1

    def test_a_line_longer_than_opencv_4_warps_is_cut(self):
        picture = np.zeros((200, 40_000, 3), np.uint8)
        picture[:, 20_000:] = 255
        box = np.array([(0, 0), (39_999, 0), (39_999, 199), (0, 199)], np.float32)
        cut = lines.cut_line(picture, box)
        assert max(cut.shape) <= lines.MOST_WARPED
        assert (cut[:, :16_000].max(), cut[:, -16_000:].min()) == (0, 255)

    def test_a_picture_for_which_the_memory_is_too_small_is_one_that_cannot_be_read(self, labels, monkeypatch):
        def fail(file):
            raise MemoryError

        monkeypatch.setattr(pictures, "to_pixels", fail)
        with pytest.raises(ValueError, match="it takes more memory than there is; make it smaller"):
            pictures.load_image(labels.parent / "line.png")

    def test_a_transparent_picture_takes_a_few_bytes_for_each_pixel(self):
        pixels = np.random.default_rng(0).integers(0, 256, (3000, 2000, 4), dtype=np.uint8)
        tracemalloc.start()
        found = pictures.to_bgr(pixels)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 16 * pixels[..., 0].size
        opacity = pixels[:50, :, 3:] / 255
        expected = (255 * (1 - opacity) + pixels[:50, :, :3] * opacity).astype(np.uint8)
        np.testing.assert_array_equal(found[:50], expected)
