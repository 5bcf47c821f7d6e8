"""Sentences for users: one full stop, whatever a library put into them; numbers with their nouns; lists cut short."""

import pytest

from ppocrv2_ext.errors import TOLD, UserError, did_you_mean, finish, first_few, pluralize, reason_of, summarise


@pytest.mark.parametrize(
    ("given", "finished"),
    [("a", "a."), ("a.", "a."), ("did you mean 'a'?", "did you mean 'a'?"), ("cut off ...", "cut off ...")],
)
def test_a_sentence_gets_a_full_stop_if_it_has_none(given, finished):
    assert finish(given) == finished


@pytest.mark.parametrize(
    ("error", "text"), [(UserError("A file\nis broken."), "UserError: A file is broken"), (KeyError(), "KeyError")]
)
def test_the_summary_of_an_error_leaves_the_full_stop_to_the_sentence_around_it(error, text):
    assert summarise(error) == text


def test_the_summary_of_an_exception_without_a_class_of_its_own_is_its_message():
    assert summarise(Exception("no text!")) == "no text"
    assert summarise(Exception()) == "Exception"


def test_the_summary_of_a_long_error_is_cut():
    assert len(summarise(ValueError("x" * 1000))) < 400


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError(2, "No such file or directory", "a.png"), "No such file or directory"),
        (OSError("broken\n  data stream."), "broken data stream"),
        (ValueError("it has no lines!"), "it has no lines"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_the_reason_alone_has_no_class_and_no_full_stop(error, reason):
    assert reason_of(error) == reason


@pytest.mark.parametrize(("number", "text"), [(0, "0 pictures"), (1, "1 picture"), (2, "2 pictures")])
def test_one_thing_is_told_as_one(number, text):
    assert pluralize(number, "picture") == text


@pytest.mark.parametrize(("count", "is_cut"), [(0, False), (TOLD, False), (TOLD + 1, False), (TOLD + 2, True)])
def test_a_list_is_cut_where_that_saves_a_line(count, is_cut):
    names = [str(number) for number in range(count)]
    assert first_few(names) == ([*names[:TOLD], "and 2 more"] if is_cut else names)


@pytest.mark.parametrize(
    ("known", "end"),
    [
        (["student"], "; did you mean 'student'?"),
        (["b", "a"], "; there are 'a', 'b'."),
        (["a"], "; there is only 'a'."),
        ([], "."),
        ([str(number) for number in range(100)], "."),
    ],
)
def test_a_wrong_name_gets_the_closest_one_or_all_if_they_are_few(known, end):
    assert did_you_mean("studnet", known) == end
