"""Clean copies of what a config names."""

from pathlib import Path

import pytest

from ppocrv2_ext.data.clean import name_clean_files, with_clean_dictionary
from ppocrv2_ext.data.findings import Rules, SetFindings


def name_files(*files):
    data_set = SetFindings("Train", [(Path(file), []) for file in files], {}, None, Rules())
    return [path.relative_to("labels/train").as_posix() for path in name_clean_files(data_set, "labels")]


def test_the_clean_form_of_a_label_file_keeps_its_name():
    assert name_files("a/train.txt", "b/more.txt") == ["train.txt", "more.txt"]


@pytest.mark.parametrize(
    "files",
    [
        ("a/train.txt", "b/train.txt", "1-train.txt"),
        ("2-train.txt", "a/train.txt", "b/train.txt"),
        ("a/train.txt", "b/train.txt", "1-1-train.txt", "1-train.txt", "1-train.txt"),
        ("a/Train.txt", "b/train.TXT"),
        ("a/é.txt", "b/e\u0301.txt"),
    ],
)
def test_no_two_clean_files_have_one_name_on_any_file_system(files):
    assert name_files(*files) == [f"{n}-{Path(file).name}" for n, file in enumerate(files, 1)]


def test_a_dictionary_with_a_byte_order_mark_is_replaced_by_a_copy_without_it(tmp_path):
    file = tmp_path / "letters.txt"
    file.write_bytes(b"\xef\xbb\xbfa\nb\n")
    config = {"Global": {"character_dict_path": str(file), "use_space_char": True}}
    copy = with_clean_dictionary(config, tmp_path / "scratch")["Global"]
    assert copy == {"character_dict_path": str(tmp_path / "scratch" / "letters.txt"), "use_space_char": True}
    assert (tmp_path / "scratch" / "letters.txt").read_bytes() == b"a\nb\n"
    assert file.read_bytes() == b"\xef\xbb\xbfa\nb\n"


def test_a_config_without_a_mark_or_without_a_dictionary_stays_as_it_is(tmp_path):
    file = tmp_path / "letters.txt"
    file.write_bytes(b"a\nb\n")
    for config in ({"Global": {"character_dict_path": str(file)}}, {"Global": {"character_dict_path": None}}):
        assert with_clean_dictionary(config, tmp_path / "scratch") is config
    assert not (tmp_path / "scratch").exists()
