"""Times of transforms by hand: those that call others, those that refuse a sample, and those that fail."""

from itertools import count

import pytest

from ppocrv2_ext.host.samples.stopwatches import put_stopwatches


class Inner:
    ext_data_num = 1

    def __call__(self, data):
        return data


class Outer:
    """It calls another transform."""

    def __init__(self, inner):
        self.inner = inner

    def __call__(self, data):
        return self.inner(data)


class Broken:
    def __call__(self, data):
        raise ValueError("broken")


def tick():
    """A clock on which a second passes from each look to the next."""
    return count().__next__


def test_the_time_of_a_transform_is_without_that_of_one_that_it_calls():
    (inner, outer) = put_stopwatches([Inner(), Outer(None)], tick())
    outer.op.inner = inner
    assert outer("a") == "a"
    # Looks at 0 (outer begins), 1 and 2 (inner), 3 (outer ends): 3 s, of which 1 s is inside.
    assert (outer.lap(), inner.lap()) == (2000, 1000)
    assert (outer.lap(), inner.lap()) == (0, 0)


def test_a_call_that_fails_takes_its_time_and_gives_no_result():
    (broken,) = put_stopwatches([Broken()], tick())
    with pytest.raises(ValueError, match="broken"):
        broken("a")
    assert (broken.lap(), broken.calls, broken.results) == (1000, 1, 0)


def test_none_is_no_result():
    (inner,) = put_stopwatches([Inner()], tick())
    assert [inner(None), inner("a")] == [None, "a"]
    assert (inner.calls, inner.results) == (2, 1)


def test_a_stopwatch_looks_like_its_transform():
    (inner,) = put_stopwatches([Inner()])
    assert (type(inner).__name__, inner.ext_data_num) == ("Inner", 1)
