"""Sentences for users have one full stop, whatever a library put into them."""

import pytest

from ppocrv2_ext.errors import UserError, finish, summarise


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
