"""Image files: the reasons of broken and unusual ones, and the sizes of sound ones."""

import io
import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from ppocrv2_ext.data.images import Limits, check_image, check_image_bytes
from ppocrv2_ext.data.reasons import REASONS, list_effects


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
    assert check_image(tmp_path / "phone.jpg", Limits(ignore_orientation)).size == decoded.shape[1::-1]


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
    assert "huge-image" in check_image_bytes(file.getvalue(), Limits(most_pixels=2399)).reasons
    assert "huge-image" not in check_image_bytes(file.getvalue(), Limits(most_pixels=2400)).reasons


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
        by_header, decoded = (check_image_bytes(bytes(spoilt), Limits(decode=decode)) for decode in (False, True))
        if suffix == ".png" or "broken-image" in by_header.reasons:
            assert by_header == decoded
        else:
            assert decoded.reasons in (by_header.reasons, ("broken-image",))
