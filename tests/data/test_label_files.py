"""Lines of label files: read as PaddleOCR reads them, the broken ones with a reason."""

import os

import pytest

from ppocrv2_ext.data.label_files import read_entries
from ppocrv2_ext.errors import UserError


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
