"""What each transform is: none is forgotten, and what stands for others is what they are."""

import inspect

import pytest
import yaml

from ppocrv2_ext import plugins  # noqa: F401  (importing them registers every transform)
from ppocrv2_ext.data.transforms import (
    ROLES,
    STANDS_FOR,
    SUBSTITUTES,
    Role,
    list_originals,
    list_transforms,
    plays,
    prepares_labels,
)
from ppocrv2_ext.registry import TRANSFORMS

NEWER_THAN_THE_WHEEL = {"RandomCrop", "RandomPerspective"}
NEED_NO_PICTURE = {"TextLineEncode": {"max_text_length": 5}}  # {transform: its arguments}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_each_transform_of_this_package_has_roles(name):
    assert plays(name), f"say in ppocrv2_ext/data/transforms.py what {name} takes and does"
    assert (Role.TAKES_PICTURE in plays(name)) != (name in NEED_NO_PICTURE)


@pytest.mark.parametrize("name", NEED_NO_PICTURE)
def test_a_transform_that_is_said_to_need_no_picture_works_without_one(name):
    assert TRANSFORMS[name](**NEED_NO_PICTURE[name])({"label": "ab"})["length"] == 2


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transform_of_this_package_draws_if_it_has_a_generator(name):
    assert (Role.DRAWS in plays(name)) == ("Draws(" in inspect.getsource(TRANSFORMS[name]))


def test_each_transform_that_augments_lines_or_moves_text_draws():
    for name in ROLES:
        assert Role.DRAWS in plays(name) or not plays(name) & {Role.AUGMENTS_LINE, Role.MOVES_TEXT}, name


@pytest.mark.checkout
def test_no_evaluation_of_paddleocrs_own_configs_draws(checkout):
    configs = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in (checkout / "configs").rglob("*.y*ml")]
    names = {name for each in configs if each.get("Eval") for name, _ in list_transforms(each["Eval"]["dataset"])}
    assert len(names) > 50
    assert not [name for name in names if Role.DRAWS in plays(name)]


def test_what_is_not_in_the_package_stands_for_nothing():
    assert set(STANDS_FOR) <= set(TRANSFORMS)


def test_no_name_in_the_tables_is_misspelt(wheel):
    from ppocrv2_ext.host.components import catalog

    assert (set(ROLES) | set(SUBSTITUTES)) - catalog.names("transform") <= NEWER_THAN_THE_WHEEL


def test_a_substitute_has_the_roles_of_all_that_it_stands_for():
    for ours, originals in STANDS_FOR.items():
        assert plays(ours) == frozenset(ROLES.get(ours, ())).union(*map(plays, originals))
        assert all(ours in SUBSTITUTES[theirs] for theirs in originals)
    assert SUBSTITUTES["IaaAugment"] == ("RandomSceneCrop", "RandomSceneWindow")


def test_what_takes_a_picture_as_it_was_read_takes_a_picture():
    for name in ROLES:
        assert Role.TAKES_PICTURE in plays(name) or Role.TAKES_PIXELS not in plays(name), name


def test_reading_does_without_what_prepares_labels():
    labels = ["DetLabelEncode", "TextLineEncode", "MultiLabelEncode", "ClsLabelEncode", "HalfTurnByName"]
    assert all(map(prepares_labels, labels))
    assert not any(map(prepares_labels, ["DecodeImage", "TextLineResize", "NormalizeToCHW", "KeepKeys", "Unknown"]))
    assert list_originals("Unknown") == ("Unknown",)
    assert plays("Unknown") == frozenset()
