"""Lines, labels and images: the reasons of broken ones, and sound ones unchanged."""

import io
import json
import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from shapely import Polygon, box

from ppocrv2_ext.data.images import check_image, check_image_bytes
from ppocrv2_ext.data.labels import (
    check_class_label,
    check_detection_label,
    check_polygon,
    check_recognition_label,
    count_needed_frames,
    read_boxes,
    read_entries,
)
from ppocrv2_ext.data.reasons import REASONS, list_effects
from ppocrv2_ext.errors import UserError

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


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
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


def test_a_capital_and_its_small_letter_are_equal_neighbours_where_small_letters_are_read():
    alphabet = frozenset("aAb")
    assert check_recognition_label("aAb", alphabet).frames == 3
    assert check_recognition_label("aAb", alphabet, lower=True).frames == 4


def test_the_frames_of_a_text_are_the_fewest_that_its_alignment_fits_in():
    import paddle

    from ppocrv2_ext.plugins.ctc.alignment import is_feasible

    for text in ("a", "ab", "aa", "aab", "abba", "aaa"):
        label = paddle.to_tensor([[ord(character) for character in text]])
        needed, length = count_needed_frames(text), paddle.to_tensor([len(text)])
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


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_label_file_in_utf_16_is_read_and_told_once(tmp_path, encoding):
    lines = "a.png\tEXIT\nb.png\t北京\nc.png\tNorth Exit\n"
    entries = read(tmp_path, lines.encode(encoding))
    assert [(entry.name, entry.label) for entry in entries] == [
        ("a.png", "EXIT"),
        ("b.png", "北京"),
        ("c.png", "North Exit"),
    ]
    assert [entry.reasons for entry in entries] == [("utf-16-file",), (), ()]


def test_a_utf_8_file_with_a_nul_in_it_is_not_taken_for_utf_16(tmp_path):
    (entry, _) = read(tmp_path, b"a.png\tEX\0IT\nb.png\tNORTH\n")
    assert (entry.label, entry.reasons) == ("EX\0IT", ())


def test_a_label_file_that_is_no_file_is_refused_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, reason in ((tmp_path / "pipe", "a pipe"), (tmp_path, "a folder"), ("/dev/zero", "a device")):
        with pytest.raises(UserError, match=f"cannot read the label file .*{reason}"):
            read_entries(path)


@pytest.mark.parametrize(
    ("line", "columns", "reasons"),
    [
        ("a.png\tEXIT\t30\t20", ("30", "20"), ()),
        ("a.png\tEXIT\t30.5\t20", ("30.5", "20"), ()),
        ("a.png\tEXIT", (), ("no-size",)),
        ("a.png\tEXIT\t30", (), ("no-size",)),
        ("a.png\tEXIT\t30\t0", (), ("no-size",)),
        ("a.png\tEXIT\t30\t20\t1", (), ("no-size",)),
        ("a.png\tEXIT\twide\thigh", (), ("no-size",)),
    ],
)
def test_a_set_that_reads_widths_needs_a_width_and_a_height_on_each_line(tmp_path, line, columns, reasons):
    (tmp_path / "words.txt").write_text(line, encoding="utf-8")
    (entry,) = read_entries(tmp_path / "words.txt", with_sizes=True)
    assert (entry.columns, entry.reasons) == (columns, reasons)


@pytest.mark.parametrize(("thickness", "text"), [(0.05, "###"), (0.5, "###"), (0.99, "###"), (1.05, "EXIT")])
def test_a_box_thinner_than_a_pixel_becomes_an_ignored_box(thickness, text):
    check = check_detection_label(
        objects(SQUARE, [[10, 30], [90, 30], [90, 30 + thickness], [10, 30 + thickness]]), SIZE
    )
    assert check.reasons == (() if text == "EXIT" else ("sliver",))
    assert [each["transcription"] for each in json.loads(check.label)] == ["EXIT", text]


def test_paddleocr_makes_border_maps_of_all_boxes_that_pass(wheel):
    from ppocr.data.imaug.make_border_map import MakeBorderMap

    rng, border_map, passed = np.random.default_rng(7), MakeBorderMap(), 0
    for angle, width, height in zip(
        rng.uniform(0, np.pi, 1000), rng.uniform(1, 60, 1000), 10 ** rng.uniform(-1, 0.7, 1000)
    ):
        across, down = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        corners = np.outer([-1, 1, 1, -1], across * width / 2) + np.outer([-1, -1, 1, 1], down * height / 2) + 40
        if check_polygon(corners.tolist(), (80, 80))[0] is None:
            scene = {"image": np.zeros((80, 80, 3)), "polys": corners[None], "ignore_tags": [False]}
            passed += int(border_map(scene)["threshold_mask"].any())
    assert passed > 300


def test_a_box_that_passes_at_a_glance_passes_the_thorough_check(monkeypatch):
    from ppocrv2_ext.data import labels

    rng = np.random.default_rng(7)
    boxes = [
        (rng.uniform(0, 90, 2) + rng.choice([0.3, 1, 4]) * rng.normal(size=(4, 2)) + np.array(SQUARE) - 20).tolist()
        for _ in range(3000)
    ]
    plain = [points for points in boxes if labels._is_plain_quadrangle(points, SIZE)]
    assert len(plain) > 500
    monkeypatch.setattr(labels, "_is_plain_quadrangle", lambda *_: False)
    assert all(check_polygon(points, SIZE) == (None, points) for points in plain)


def test_boxes_in_fractions_are_named_as_such():
    label = objects([[0.1, 0.2], [0.5, 0.2], [0.5, 0.9], [0.1, 0.9]])
    assert check_detection_label(label, SIZE).reasons == ("fraction-boxes",)


def test_difficult_boxes_are_kept_and_named_or_ignored_where_the_config_says_so():
    label = json.dumps([{"transcription": text, "points": SQUARE, "difficult": text == "A"} for text in ("A", "B")])
    kept, ignored = (check_detection_label(label, SIZE, ignore) for ignore in (False, True))
    assert kept.reasons == ignored.reasons == ("difficult-box",)
    assert kept.label == label
    assert [each["transcription"] for each in json.loads(ignored.label)] == ["###", "B"]


def test_a_detection_label_given_to_a_recognizer_is_named_as_such():
    assert check_recognition_label(objects(SQUARE), frozenset("abc"), longest=5).reasons == ("detection-label",)
    assert check_recognition_label("[06]", frozenset("[06]"), longest=5).reasons == ()


DECOMPOSED = "cafe\u0301"


def test_a_text_that_the_dictionary_has_in_composed_form_is_told():
    check = check_recognition_label(DECOMPOSED, frozenset("cafeé"))
    assert check.reasons == ("decomposed", "unknown-character")
    assert check_recognition_label(DECOMPOSED, frozenset("cafe")).reasons == ("unknown-character",)
    assert check_recognition_label(DECOMPOSED, frozenset("cafe\u0301")).reasons == ()


def test_a_text_is_brought_into_the_form_that_the_config_says():
    check = check_recognition_label(DECOMPOSED, frozenset("cafeé"), form="NFC")
    assert (check.reasons, check.label) == (("decomposed",), "café")
    assert check_recognition_label("\uff21\uff22", frozenset("AB"), form="NFKC").label == "AB"


def test_an_image_that_is_no_file_has_a_reason_and_is_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    for path in (tmp_path / "a.png", tmp_path, "/dev/zero"):
        assert check_image(path).reasons == ("not-a-file",)


def png(width, height, rows, color=2, spoil=()):
    """A PNG whose header says ``height`` and whose data have ``rows``. Checksums are wrong for kinds in ``spoil``."""

    def chunk(kind, data):
        checksum = zlib.crc32(kind + data) ^ (kind in spoil)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    data = zlib.compress(bytes(1 + width * (3 if color == 2 else 1)) * rows)
    text = chunk(b"tEXt", b"a\0b")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + text + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_a_png_of_gigabytes_is_refused_by_its_header():
    assert check_image_bytes(png(30000, 30000, 1, color=0)) == (("grey-image", "huge-image"), (30000, 30000))


@pytest.mark.parametrize("suffix", ["BMP", "JPEG", "WEBP", "TIFF", "GIF"])
def test_the_limit_of_pixels_holds_for_every_format(suffix):
    file = io.BytesIO()
    Image.fromarray(pixels(40, 60, 3)).save(file, suffix)
    assert "huge-image" in check_image_bytes(file.getvalue(), most_pixels=2399).reasons
    assert "huge-image" not in check_image_bytes(file.getvalue(), most_pixels=2400).reasons


def test_a_radiance_picture_is_measured_before_it_is_decoded():
    content = cv2.imencode(".hdr", np.ones((20, 30, 3), np.float32))[1].tobytes()
    assert check_image_bytes(content).size == (30, 20)
    assert check_image_bytes(content.replace(b"-Y 20 +X 30", b"-Y 90000 +X 90000")).reasons == ("huge-image",)


def test_pictures_that_lie_about_their_size_are_broken():
    assert check_image_bytes(png(2000, 2000, 2000)).reasons == ()
    assert check_image_bytes(png(2000, 2000, 1999)).reasons == ("broken-image",)
    jpeg = cv2.imencode(".jpg", pixels(64, 64, 3))[1].tobytes()
    place = jpeg.index(b"\xff\xc0") + 5
    assert check_image_bytes(jpeg[:place] + struct.pack(">HH", 9000, 9000) + jpeg[place + 4 :]).reasons == (
        "broken-image",
    )


def test_a_wrong_checksum_counts_where_a_decoder_counts_it():
    assert check_image_bytes(png(30, 20, 20, spoil=(b"IDAT",))).reasons == ("broken-image",)
    assert check_image_bytes(png(30, 20, 20, spoil=(b"tEXt",))).reasons == ()


def test_a_header_longer_than_what_is_read_first_is_read_on(tmp_path):
    jpeg = cv2.imencode(".jpg", pixels(20, 30, 3))[1].tobytes()
    long = jpeg[:2] + (b"\xff\xe2" + struct.pack(">H", 65535) + bytes(65533)) * 2 + jpeg[2:]
    (tmp_path / "a.jpg").write_bytes(long)
    assert check_image(tmp_path / "a.jpg") == ((), (30, 20))


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_picture_found_whole_decodes_and_a_decoded_one_has_no_other_findings(suffix):
    content, rng = cv2.imencode(suffix, pixels(40, 60, 3))[1].tobytes(), np.random.default_rng(7)
    for _ in range(200):
        spoilt = bytearray(content)
        spoilt[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
        by_header, decoded = (check_image_bytes(bytes(spoilt), decode=decode) for decode in (False, True))
        if suffix == ".png" or "broken-image" in by_header.reasons:
            assert by_header == decoded
        else:
            assert decoded.reasons in (by_header.reasons, ("broken-image",))


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("[" * 100_000, "nested too deep"),
        ("EXIT", "it is no JSON"),
        *((label, "no list of boxes but ") for label in ("7", "{}", '""', "null")),
        ('[{"points": [[0, 0], [9, 0], [9, 9]]}]', "no list of boxes: KeyError"),
        *(
            (json.dumps([{"transcription": "x", "points": points}]), message)
            for points, message in (
                ([[0, 0], [9, 0]], "the outline of 'x' is not 3 to 1000 points"),
                ([[0, 0], [9, 0], [9]], "the outline of 'x' is not 3"),
                ("points", "the outline of 'x' is not 3"),
                ([[i % 9, i % 7] for i in range(1001)], "the outline of 'x' is not 3 to 1000"),
                ([[0, 0], [9, 0], [9, float("nan")]], "the outline of 'x' is not finite"),
                ([[0, 0], [9, 0], [9, 1e300]], "the outline of 'x' is not finite"),
            )
        ),
    ],
)
def test_what_is_no_box_is_not_evaluated(label, message):
    with pytest.raises(ValueError, match=message):
        read_boxes(label)


def test_boxes_to_evaluate_are_those_of_the_label():
    points = [[0, 0], [9, 0], [9, 9]]
    assert read_boxes(json.dumps([{"transcription": "x", "points": points}])) == [(points, "x")]
