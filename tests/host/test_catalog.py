"""Which arguments a component reads, and when nobody can tell."""

import pytest

from ppocrv2_ext.host.components.catalog import arguments


class Branch:
    def __init__(self, channels, kernel_list=(3, 2, 2), **kwargs):
        pass


class Head:
    def __init__(self, k=50, **kwargs):
        self.shrink, self.border = Branch(4, **kwargs), Branch(channels=4, **kwargs)


class SmallHead(Head):
    def __init__(self, mode="small", **kwargs):
        super().__init__(k=10, **kwargs)


class Reader:
    def __init__(self, **kwargs):
        self.score = kwargs["score"] if "score" in kwargs else kwargs.get("mean")


class Storing:
    def __init__(self, **kwargs):
        self.options = kwargs


class Choosing:
    def __init__(self, name="Branch", **kwargs):
        self.branch = globals()[name](**kwargs)


class Around:
    def __init__(self, **kwargs):
        self.inner = Storing(**kwargs)


class Strict:
    def __init__(self, scale=1.0):
        pass


@pytest.mark.parametrize(
    ("component", "names"),
    [
        (Branch, {"channels", "kernel_list"}),
        (Head, {"k", "channels", "kernel_list"}),
        (SmallHead, {"mode", "k", "channels", "kernel_list"}),
        (Reader, {"score", "mean"}),
        (Strict, {"scale"}),
    ],
)
def test_what_a_component_passes_on_to_a_class_of_its_module_is_read_there(component, names):
    assert (arguments(component).names, arguments(component).passes_on) == (names, False)


@pytest.mark.parametrize("component", [Storing, Choosing, Around])
def test_what_is_stored_or_passed_to_something_unknown_may_be_read(component):
    assert arguments(component).passes_on


def test_only_without_kwargs_is_any_other_argument_an_error():
    assert [arguments(each).is_complete for each in (Strict, Branch, Head)] == [True, False, False]


class Tree:
    def __init__(self, depth=2, leaf="a", **kwargs):
        self.left = Tree(depth - 1, **kwargs) if depth else None


def test_a_component_that_makes_others_of_its_kind_reads_what_it_names():
    assert arguments(Tree).names >= {"depth", "leaf"}
    assert not arguments(Tree).passes_on
