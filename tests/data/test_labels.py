"""Lines, labels and images: the reasons of broken ones, and sound ones unchanged."""

import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from shapely import Polygon, box

from ppocrv2_ext.data.images import check_image
from ppocrv2_ext.data.labels import (
    check_class_label,
    check_detection_label,
    check_polygon,
    check_recognition_label,
    count_frames,
    read_entries,
)
from ppocrv2_ext.data.reasons import REASONS, list_effects

SIZE = (100, 60)
SQUARE = [[10, 10], [30, 10], [30, 20], [10, 20]]
BOW_TIE = [[10, 10], [30, 20], [30, 10], [10, 20]]


def objects(*polygons, text="EXIT"):
    return json.dumps([{"transcription": text, "points": points} for points in polygons])


def read(tmp_path, content):
    (tmp_path / "words.txt").write_bytes(content)
    return read_entries(tmp_path / "words.txt")


@pytest.mark.parametrize(
    ("line", "reasons"),
    [
        (b"a.png\tEXIT", ()),
        (b"a.png\t", ()),  # an empty label is found by the check of the label
        (b"a.png\tEXIT\r", ("windows-line-end",)),
        (b"a.png EXIT", ("no-tab",)),
        (b"a.png EXIT\r", ("windows-line-end", "no-tab")),
        (b" \t ", ("blank-line",)),
        (b"a.png\t\xff\xfe", ("not-utf8",)),
        (b"a.png\tEXIT\tNORTH", ("more-columns",)),
    ],
)
def test_the_reasons_of_a_line(tmp_path, line, reasons):
    assert read(tmp_path, line + b"\n")[0].reasons == reasons


def test_a_line_is_read_as_paddleocr_reads_it(tmp_path):
    (entry,) = read(tmp_path, b"a.png\t EXIT \tNORTH")
    assert (entry.name, entry.images, entry.label) == ("a.png", ("a.png",), " EXIT ")
    assert entry.place == f"{tmp_path / 'words.txt'}:1"


def test_a_byte_order_mark_is_not_part_of_the_first_name(tmp_path):
    first, second = read(tmp_path, b"\xef\xbb\xbfa.png\tA\nb.png\tB\n")
    assert (first.name, first.reasons, second.reasons) == ("a.png", ("byte-order-mark",), ())


@pytest.mark.parametrize(
    ("name", "images"),
    [
        ('["a.png", "b.png"]', ("a.png", "b.png")),
        ("[a].png", ("[a].png",)),
        ("[]", ("[]",)),
        ("[1]", ("[1]",)),
        ("[" * 100_000, ("[" * 100_000,)),
    ],
)
def test_a_line_may_name_several_images(tmp_path, name, images):
    assert read(tmp_path, f"{name}\tEXIT\n".encode())[0].images == images


@pytest.mark.parametrize(
    ("label", "reasons"),
    [
        (objects(SQUARE), ()),
        ("EXIT", ("not-json",)),
        ("[" * 100_000, ("not-json",)),
        ("{}", ("not-objects",)),
        ("[1]", ("not-objects",)),
        ('[{"points": [[1, 2], [3, 4], [5, 9]]}]', ("not-objects",)),
        ('[{"transcription": "A"}]', ("not-objects",)),
        ("[]", ("no-text",)),
        (objects(SQUARE, text="###"), ("all-ignored",)),
        (objects(SQUARE, text="*"), ("all-ignored",)),
        (objects(SQUARE, SQUARE[:2]), ("few-points",)),
        (objects(SQUARE[:2]), ("few-points", "no-text")),
        (objects(BOW_TIE), ("crossing", "all-ignored")),
    ],
)
def test_the_reasons_of_a_detection_label(label, reasons):
    assert check_detection_label(label, SIZE).reasons == reasons


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (SQUARE, None),
        (SQUARE[:3], None),
        ([[-5, 10], [30, 10], [30, 65], [-5, 65]], None),  # within the tolerance
        ([["10", "10"], ["30", "10"], ["30", "20"]], None),  # PaddleOCR reads numbers from strings too
        (SQUARE[:2], "few-points"),
        ([1, 2, 3, 4, 5, 6, 7, 8], "few-points"),
        ([[1, 2], [3, 4], [5]], "few-points"),
        ([[1, 2, 3]] * 4, "few-points"),
        ({"x": 1}, "few-points"),
        ("here", "few-points"),
        (None, "few-points"),
        ([[10**400, 1], [1, 1], [1, 2]], "few-points"),
        ([[float("nan"), 10], [30, 10], [30, 20]], "not-finite"),
        ([[None, 10], [30, 10], [30, 20]], "not-finite"),
        ([[float("inf"), 10], [30, 10], [30, 20]], "not-finite"),
        ([[1e300, 10], [30, 10], [30, 20]], "not-finite"),
        ([[10, 10]] * 4, "zero-area"),
        ([[10, 10], [20, 20], [30, 30]], "zero-area"),
        ([[200, 10], [220, 10], [220, 20]], "outside"),
        ([[-20, 10], [-1, 10], [-1, 20], [-20, 20]], "outside"),
        ([[-6, 10], [30, 10], [30, 20], [-6, 20]], "partly-outside"),
        ([[10, 10], [30, 10], [30, 66], [10, 66]], "partly-outside"),
        (BOW_TIE, "crossing"),
    ],
)
def test_the_reason_and_the_outline_of_a_polygon(points, reason):
    actual, outline = check_polygon(points, SIZE)
    assert actual == reason
    assert (outline is None) == (reason is not None and REASONS[reason].effect == "box left out")
    if reason is None:
        assert outline is points


def test_nothing_lies_outside_a_picture_of_unknown_size():
    assert check_polygon([[200, 10], [220, 10], [220, 20]]) == (None, [[200, 10], [220, 10], [220, 20]])


coordinates = st.one_of(st.integers(-150, 250), st.floats(-1e7, 1e7), st.sampled_from([float("nan"), float("inf")]))


@settings(max_examples=300)
@given(st.lists(st.tuples(coordinates, coordinates).map(list), max_size=7))
def test_the_outline_of_any_broken_polygon_is_valid_and_lies_in_the_picture(points):
    reason, outline = check_polygon(points, SIZE)
    if reason and outline:
        polygon = Polygon(outline)
        assert polygon.is_valid
        assert polygon.area > 0.9
        assert box(0, 0, *SIZE).covers(polygon)


def test_a_broken_box_with_a_visible_outline_becomes_ignored_text():
    check = check_detection_label(objects(SQUARE, BOW_TIE, SQUARE[:2], text="北京"), SIZE)
    sound, mended = json.loads(check.label)
    assert sound == {"transcription": "北京", "points": SQUARE}
    assert mended["transcription"] == "###"
    assert Polygon(mended["points"]).equals(Polygon(SQUARE))
    assert (check.boxes, check.ignored_boxes) == (2, 1)
    assert "北京" in check.label


def test_a_sound_label_is_left_unchanged_to_the_letter():
    label = '[{"points":[[10,10],[30,10],[30,20]],"transcription":"a","difficult":false}]'
    assert check_detection_label(label, SIZE).label == label


def test_a_label_with_half_a_surrogate_pair_can_be_written_as_utf8():
    label = check_detection_label(objects(SQUARE, BOW_TIE, text="\ud800"), SIZE).label
    assert json.loads(label.encode("utf-8"))[0]["transcription"] == "\ud800"


@pytest.mark.parametrize(
    ("label", "reasons"),
    [
        ("abc", ()),
        ("", ("empty-label",)),
        ("abcabc", ("long-label", "few-frames")),
        ("ab€", ("unknown-character",)),
        ("€", ("unknown-character", "no-known-character")),
        ("aaaa", ("few-frames",)),
        ("aa€a", ("unknown-character",)),  # five frames: what the dictionary lacks needs none
    ],
)
def test_the_reasons_of_a_text(label, reasons):
    assert check_recognition_label(label, frozenset("abc"), longest=5, frames=5).reasons == reasons


def test_the_frames_of_a_text_are_the_fewest_that_its_alignment_fits_in():
    import paddle

    from ppocrv2_ext.plugins.ctc.alignment import is_feasible

    for text in ("a", "ab", "aa", "aab", "abba", "aaa"):
        label = paddle.to_tensor([[ord(character) for character in text]])
        needed, length = count_frames(text), paddle.to_tensor([len(text)])
        assert [bool(is_feasible(label, length, frames)) for frames in (needed - 1, needed)] == [False, True], text


def test_classes_are_compared_as_text():
    assert check_class_label("180", ["0", "180"]).reasons == ()
    assert check_class_label("180", [0, 180]).reasons == ("unknown-class",)


def test_a_text_with_too_few_frames_is_left_out_of_training_and_kept_in_evaluation():
    assert list_effects("Train")["few-frames"] == "line left out"
    assert list_effects("Eval")["few-frames"] == "kept"


def pixels(*shape, dtype=np.uint8):
    return np.random.default_rng(7).integers(0, np.iinfo(dtype).max, shape).astype(dtype)


@pytest.fixture
def picture(tmp_path):
    """Writes an encoded image, what ``cut`` makes of its bytes, and inspects the file."""

    def write(image, suffix=".png", cut=lambda content: content):
        file = tmp_path / f"image{suffix}"
        file.write_bytes(cut(cv2.imencode(suffix, image)[1].tobytes()))
        return check_image(file)

    return write


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".tiff"])
def test_a_sound_image_has_a_size_and_no_reasons(picture, suffix):
    assert picture(pixels(20, 30, 3), suffix) == ((), (30, 20))


@pytest.mark.parametrize(
    ("image", "reasons"),
    [
        (pixels(20, 30), ("grey-image",)),
        (pixels(20, 30, 4), ("transparent-image",)),
        (pixels(20, 30, dtype=np.uint16), ("grey-image", "16-bit-image")),
        (pixels(20, 30, 3, dtype=np.uint16), ("16-bit-image",)),
    ],
)
def test_an_unusual_image_is_kept_with_a_reason(picture, image, reasons):
    assert picture(image).reasons == reasons
    assert all(REASONS[reason].effect == "kept" for reason in reasons)


@pytest.mark.parametrize("size", [(1, 1, 3), (20, 3, 3)])
def test_an_image_too_small_for_text_is_left_out_of_training_and_kept_in_evaluation(picture, size):
    assert picture(pixels(*size)).reasons == ("tiny-image",)
    assert list_effects("Train")["tiny-image"] == "line left out"
    assert list_effects("Eval")["tiny-image"] == "kept"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".tiff"])
def test_a_truncated_image_is_broken(picture, suffix):
    assert picture(pixels(64, 64, 3), suffix, lambda content: content[: len(content) // 2]).reasons == ("broken-image",)


def test_a_png_with_a_wrong_byte_is_broken(picture):
    def spoil(content):
        return content[:500] + bytes([content[500] ^ 1]) + content[501:]

    assert picture(pixels(64, 64, 3), ".png", spoil).reasons == ("broken-image",)


def test_a_jpeg_with_bytes_after_its_end_is_sound(picture):
    assert picture(pixels(20, 30, 3), ".jpg", lambda content: content + b"more").reasons == ()


def test_a_file_that_is_no_image_is_broken(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"<html>404</html>")
    assert check_image(tmp_path / "a.jpg").reasons == ("broken-image",)


def test_an_empty_image_and_a_missing_image_have_different_reasons(tmp_path):
    (tmp_path / "a.jpg").touch()
    names = ("a.jpg", "b.jpg", "", "a\0.jpg")
    reasons = [check_image(tmp_path / name).reasons[0] for name in names]
    assert reasons == ["empty-image", "missing-image", "not-a-file", "missing-image"]


@pytest.mark.parametrize("ignore_orientation", [False, True])
def test_the_size_is_that_of_the_image_opencv_decodes(tmp_path, ignore_orientation):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels(20, 30, 3)).save(tmp_path / "phone.jpg", exif=exif)
    flag = cv2.IMREAD_IGNORE_ORIENTATION if ignore_orientation else 0
    decoded = cv2.imread(str(tmp_path / "phone.jpg"), cv2.IMREAD_COLOR | flag)
    assert check_image(tmp_path / "phone.jpg", ignore_orientation).size == decoded.shape[1::-1]


@pytest.mark.parametrize(
    ("size", "reasons"), [((5000, 100), ()), ((5001, 100), ("strip-image",)), ((9, 451), ("strip-image",))]
)
def test_a_scene_that_is_a_strip_is_left_out_of_training_and_evaluation(size, reasons):
    label = json.dumps([{"transcription": "a", "points": [[1, 1], [8, 1], [8, 9], [1, 9]]}])
    check = check_detection_label(label, size)
    assert (check.reasons, check.label) == (reasons, label)
    assert list_effects("Train")["strip-image"] == list_effects("Eval")["strip-image"] == "line left out"
