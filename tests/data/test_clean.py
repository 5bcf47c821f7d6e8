"""Clean copies of what a config names."""

from ppocrv2_ext.data.clean import with_clean_dictionary


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
