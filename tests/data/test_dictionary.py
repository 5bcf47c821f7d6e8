"""Dictionaries: their lines are the classes that PaddleOCR reads in them."""

from pathlib import Path

import pytest

from ppocrv2_ext.data.dictionary import read_dictionary
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
