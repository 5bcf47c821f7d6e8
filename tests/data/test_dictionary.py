"""Dictionaries: their lines are the classes that PaddleOCR reads in them."""

import os
from pathlib import Path

import pytest

from ppocrv2_ext.data.dictionary import check_dictionary, read_dictionary
from ppocrv2_ext.errors import UserError


def test_the_classes_are_the_blank_the_lines_and_a_space(tmp_path):
    (tmp_path / "d.txt").write_bytes("a\r\n 中 \n \nb".encode())
    assert read_dictionary(tmp_path / "d.txt") == ["blank", "a", " 中 ", " ", "b", " "]
    assert read_dictionary(tmp_path / "d.txt", space=False) == ["blank", "a", " 中 ", " ", "b"]


def test_repeated_lines_and_empty_lines_in_the_middle_are_classes(tmp_path):
    (tmp_path / "d.txt").write_text("a\n\na\n")
    assert read_dictionary(tmp_path / "d.txt", space=False) == ["blank", "a", "", "a"]


def test_a_bad_line_of_a_dictionary_is_refused_with_file_and_line(tmp_path):
    for content, where in [(b"a\n\xff\n", "d.txt:2: not UTF-8"), (b"a\nb\n\n", "d.txt:3: .*empty"), (b"", "d.txt:1: ")]:
        (tmp_path / "d.txt").write_bytes(content)
        with pytest.raises(UserError, match=where):
            read_dictionary(tmp_path / "d.txt")
    with pytest.raises(UserError, match="cannot read the dictionary"):
        read_dictionary(tmp_path / "gone.txt")


def test_paddleocr_decodes_to_the_same_characters(wheel):
    from ppocr.postprocess.rec_postprocess import CTCLabelDecode

    folder = Path(wheel.root) / "ppocr/utils"
    for path in (folder / "ppocr_keys_v1.txt", folder / "en_dict.txt", *sorted(folder.glob("dict/[bglt]*_dict.txt"))):
        assert read_dictionary(path) == CTCLabelDecode(str(path), use_space_char=True).character


def kinds(tmp_path, content, space=False):
    (tmp_path / "d.txt").write_bytes(content if isinstance(content, bytes) else content.encode())
    return {finding.kind: finding.lines for finding in check_dictionary(tmp_path / "d.txt", space)}


@pytest.mark.parametrize(
    ("content", "space", "expected"),
    [
        ("a\nb\n", True, {}),
        (b"\xef\xbb\xbfa\nb\n", False, {"byte-order-mark": (1,)}),
        ("# letters\na\nch\nb\n", False, {"several-characters": (1, 3)}),
        ("a \n\tb\nc\nch\n", False, {"outer-blank": (1, 2), "several-characters": (4,)}),
        ("e\u0301\ne\n", False, {"decomposed": (1,)}),
        ("a\n\nb\n", False, {"blank-line": (2,)}),
        ("a\nb\na\n", False, {"double": (3,)}),
        ("a\n \nb\n", True, {"space-twice": (2,)}),
        ("a\n \nb\n", False, {}),
        ("abcdef", False, {"one-row": (1,)}),
        ("abcdef\n", True, {"one-row": (1,)}),
    ],
)
def test_what_is_unusual_about_a_dictionary_is_told_with_its_lines(tmp_path, content, space, expected):
    assert kinds(tmp_path, content, space) == expected


def test_a_byte_order_mark_is_no_part_of_the_first_character(tmp_path):
    (tmp_path / "d.txt").write_bytes(b"\xef\xbb\xbfG\nH\n")
    assert read_dictionary(tmp_path / "d.txt", space=False) == ["blank", "G", "H"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_a_dictionary_in_utf_16_is_refused_by_its_encoding(tmp_path, encoding):
    (tmp_path / "d.txt").write_bytes("a\nb\nc\nd\n".encode(encoding))
    with pytest.raises(UserError, match="d.txt:1: the dictionary is UTF-16; save it as UTF-8"):
        read_dictionary(tmp_path / "d.txt")


def test_a_dictionary_that_is_no_file_is_refused_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    wrong = {tmp_path / "pipe": "a pipe", tmp_path / "folder": "a folder", "/dev/zero": "a device", "a\0b": "null"}
    for path, reason in wrong.items():
        with pytest.raises(UserError, match=f"cannot read the dictionary .*{reason}"):
            read_dictionary(path)
