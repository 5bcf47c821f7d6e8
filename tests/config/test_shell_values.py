"""Values that come from a shell: as a config file has them, or refused where YAML reads what nobody means."""

import shlex

import pytest
import yaml

from ppocrv2_ext import config
from ppocrv2_ext.config.shell_values import read_value
from ppocrv2_ext.errors import UserError

AS_PADDLEOCR_READS_THEM = [
    *("5", "-5", "0.5", "0x10", "0b11", "1_000", "007", "00.5", "08", "no", "on", "~", "null", "", "'1'", '"a #b"'),
    *("a#b", "[3, 32, 320]", "{a: 1}", "a: b", "- 1", "a=b", "1,2", "runs/try 1 ", "!!str 5", "!!str 010", "[]"),
    *("字\u3000", "a: 1  # one\nb: 2", "# of a file\n[1, 2]"),
]


@pytest.mark.parametrize("text", AS_PADDLEOCR_READS_THEM)
def test_a_plain_value_is_what_paddleocr_reads(text):
    assert read_value(text, "Global.key") == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("runs/try #1", "'runs/try'"),
        ("#x", "None"),
        ('"runs" #1', "'runs'"),
        ("|", "''"),
        ("&a", "None"),
        ("&a 1", "1"),
        ("--- 5", "5"),
        ("5\n6", "'5 6'"),
    ],
)
def test_a_value_that_yaml_cuts_is_refused_with_what_to_write_for_it(text, read):
    with pytest.raises(
        UserError, match=rf"^-o Global\.key: YAML reads .* as {read}; for the text, write .*\.$"
    ) as told:
        config.override({"Global": {}}, [f"Global.key={text}"])
    (advised,) = shlex.split(str(told.value).rpartition(" write ")[2][:-1])
    assert config.override({"Global": {}}, [advised]) == {"Global": {"key": text}}


@pytest.mark.parametrize(
    ("text", "number", "base", "value"),
    [
        ("010", "010", 8, "8"),
        ("-010", "-010", 8, "-8"),
        ("0_10", "0_10", 8, "8"),
        ("[3, 032, 320]", "032", 8, "26"),
        ("1:30", "1:30", 60, "90"),
        ("{a: [1:30.5]}", "1:30.5", 60, "90.5"),
    ],
)
def test_a_number_in_base_8_or_60_is_refused(text, number, base, value):
    with pytest.raises(UserError) as told:
        config.override({"Global": {}}, [f"Global.key={text}"])
    assert str(told.value) == (
        f"-o Global.key: YAML reads {number} in base {base}, as {value}; write the number in base 10, without zeros"
        " before it, or put quotes around a text."
    )


@pytest.mark.parametrize("text", ["runs/try #1", "010", "1:30", "|", "&a", "--- 5", "a\nb", " #"])
def test_an_assignment_that_is_written_for_a_text_is_read_as_it(text):
    assert config.override({"Global": {}}, [config.assignment("Global.key", text)]) == {"Global": {"key": text}}


def test_a_list_with_a_comment_is_refused_and_not_made_a_text():
    with pytest.raises(UserError, match="^-o Train.files: YAML takes what follows # in .* for a comment; leave it out"):
        read_value("[a, b] # c", "Train.files")


def test_a_value_that_gives_a_key_twice_is_refused():
    with pytest.raises(UserError, match="-o Global.key: .* gives a key twice; keep one"):
        read_value("{a: 1, a: 2}", "Global.key")
