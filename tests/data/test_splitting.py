"""Lines drawn for validation: counts by hand, groups that stay together, and what cannot be split."""

import random
import re

import pytest

from ppocrv2_ext.data.splitting import split_lines
from ppocrv2_ext.errors import UserError

EVERY_LINE = "(.*)"
PAGE = r"(.*)_\d+"
LINES = [f"page{page}_{line}.png\ttext {line}" for page in range(10) for line in range(3)]


def page_of(line):
    return line.partition("_")[0]


def test_value_by_hand():
    # Three lines are three groups, and a third of them is one: the first name of the shuffled ones.
    names = ["a", "b", "c"]
    random.Random(5).shuffle(names)
    train, validation = split_lines(["c\t3", "a\t1", "b\t2"], 1 / 3, 5, EVERY_LINE)
    assert [line[:1] for line in validation] == names[:1]
    assert [line[:1] for line in train] == [name for name in "cab" if name != names[0]]


@pytest.mark.parametrize(("share", "groups"), [(0.2, 2), (0.5, 5), (0.01, 1), (0.99, 9)])
def test_the_share_is_of_the_groups_and_both_parts_have_one(share, groups):
    train, validation = split_lines(LINES, share, 1, PAGE)
    assert (len(validation), len(train)) == (3 * groups, 3 * (10 - groups))


@pytest.mark.parametrize("seed", range(20))
def test_groups_stay_together(seed):
    train, validation = split_lines(LINES, 0.3, seed, PAGE)
    assert {page_of(line) for line in train}.isdisjoint(page_of(line) for line in validation)


@pytest.mark.parametrize("pattern", [EVERY_LINE, PAGE])
def test_every_line_is_in_one_part_in_the_order_of_the_file(pattern):
    train, validation = split_lines(LINES, 0.3, 1, pattern)
    assert set(train).isdisjoint(validation)
    assert sorted(train + validation, key=LINES.index) == LINES
    assert all(sorted(part, key=LINES.index) == part for part in (train, validation))


def test_the_same_seed_splits_alike_and_another_does_not():
    assert split_lines(LINES, 0.3, 1, PAGE) == split_lines(LINES, 0.3, 1, PAGE) != split_lines(LINES, 0.3, 2, PAGE)


def test_the_order_of_the_file_does_not_change_who_validates():
    assert set(split_lines(LINES, 0.3, 1, PAGE)[1]) == set(split_lines(LINES[::-1], 0.3, 1, PAGE)[1])


def test_lines_of_one_image_are_never_parted():
    repeated = [line.partition("\t")[0] + "\tanother text" for line in LINES]
    train, validation = split_lines([*LINES, *repeated], 0.5, 1, EVERY_LINE)
    images = [{line.partition("\t")[0] for line in part} for part in (train, validation)]
    assert images[0].isdisjoint(images[1])


@pytest.mark.parametrize("spelling", ["./{}", "w/../{}", "w//../{}", '["{}", "b/{}"]', '["b/{}", "./{}"]'])
@pytest.mark.parametrize("seed", range(5))
def test_a_picture_is_in_one_part_however_it_is_named(spelling, seed):
    names = [f"{number}.png" for number in range(20)]
    lines = [f"{name}\ttext" for name in names] + [f"{spelling.replace('{}', name)}\ttext" for name in names]
    train, validation = split_lines(lines, 0.3, seed, EVERY_LINE)
    assert (len(train), len(validation)) == (2 * 14, 2 * 6)
    found = [
        {name for name in names if any(re.search(rf"\b{name}", line) for line in part)} for part in (train, validation)
    ]
    assert found[0].isdisjoint(found[1])


def test_a_line_of_several_pictures_joins_their_groups():
    # a - b - c are one group by two lines, d is another one.
    lines = ["a_1\tx", '["a_2", "b_1"]\tx', '["c_1", "b_2"]\tx', "c_3\tx", "d_1\tx"]
    train, validation = split_lines(lines, 0.5, 1, PAGE)
    assert sorted((len(train), len(validation))) == [1, 4]


def test_a_name_that_the_pattern_does_not_match_is_a_group_alone():
    # Three groups, of 1, 1 and 3 lines; two of them validate.
    lines = ["cover.png\ta", "back.png\tb", *LINES[:3]]
    counts = {len(split_lines(lines, 0.5, seed, PAGE)[1]) for seed in range(20)}
    assert counts == {1 + 1, 1 + 3}


def test_a_group_that_takes_no_part_in_the_match_is_no_group():
    train, validation = split_lines(["a1\tx", "b2\ty"], 0.5, 1, "(a)?[12]")
    assert len(train) == len(validation) == 1


@pytest.mark.parametrize(
    ("lines", "pattern", "problem"),
    [
        (LINES[:3], PAGE, "at least 2 groups of lines to split, got 1"),
        ([], EVERY_LINE, "at least 2 groups of lines to split, got 0"),
        (LINES, "page", r"'page' has no \(\.\.\.\)"),
        (LINES, "(page", "is no regular expression"),
    ],
)
def test_what_cannot_be_split_is_refused(lines, pattern, problem):
    with pytest.raises(UserError, match=problem):
        split_lines(lines, 0.5, 1, pattern)


@pytest.mark.parametrize("share", [0, 1, -1, float("nan")])
def test_a_share_of_nothing_or_all_is_refused(share):
    with pytest.raises(UserError, match="between 0 and 1"):
        split_lines(LINES, share, 1, EVERY_LINE)
