"""A MultiHead and a MultiLoss, whose branch for CTC is PaddleOCR's or ours."""

import pytest

from ppocrv2_ext import config
from ppocrv2_ext.config import networks
from ppocrv2_ext.config.components import list_components
from ppocrv2_ext.config.consistency import find_conflicts, find_doubts
from ppocrv2_ext.config.vocabulary import check_settings
from ppocrv2_ext.errors import UserError

ALONE = "rec/ch_PP-OCRv2_rec_enhanced_ctc_loss"
PARTS = {"Neck": {"name": "reshape"}, "Head": {"mid_channels": 8}}


def change(ctc_head="CenterCTCHead", ctc_term="CTCCenterLoss", branch=PARTS, **term):
    """A config with a MultiHead and a MultiLoss."""
    recipe = config.read(config.locate(ALONE))
    recipe["Architecture"]["Head"] = {"name": "MultiHead", "head_list": [{ctc_head: branch}, {"NRTRHead": None}]}
    recipe["Loss"] = {"name": "MultiLoss", "loss_config_list": [{ctc_term: term}, {"NRTRLoss": None}]}
    return recipe


def find_center_conflicts(recipe):
    return [sentence for sentence in find_conflicts(recipe) if "Center" in sentence]


def test_the_head_that_ctc_reads_is_found_alone_and_in_a_multi_head():
    assert networks.find_ctc_head({"Head": {"name": "CTCHead"}}) == ("Head", "CTCHead", {"name": "CTCHead"})
    for name in ("CTCHead", "CenterCTCHead"):
        found = networks.find_ctc_head(change(name)["Architecture"])
        assert found == (f"Head.head_list.0.{name}.Head", name, PARTS["Head"])
    assert networks.find_center_head(change("CTCHead")["Architecture"]) is None
    assert networks.find_ctc_head({}) == ("Head", None, {})


def test_a_file_of_centers_in_a_branch_is_left_out_where_none_is_needed():
    recipe = config.override(change(), ["Architecture.Head.head_list.0.CenterCTCHead.Head.centers=gone.npz"])
    place = recipe["Architecture"]["Head"]["head_list"][0]["CenterCTCHead"]
    without = networks.without_centers(recipe)["Architecture"]["Head"]["head_list"]
    assert without == [{"CenterCTCHead": PARTS}, {"NRTRHead": None}]
    assert place["Head"]["centers"] == "gone.npz"


def test_the_head_and_the_loss_in_branches_are_components_whose_arguments_are_checked():
    found = {each.where: each for each in list_components(change(center_weight=0.1))}
    head = found["Architecture.Head.head_list.0.CenterCTCHead.Head"]
    loss = found["Loss.loss_config_list.0.CTCCenterLoss"]
    assert (head.kind, head.section) == ("head", {"mid_channels": 8, "name": "CenterCTCHead"})
    assert (loss.kind, loss.section) == ("loss", {"center_weight": 0.1, "name": "CTCCenterLoss"})


@pytest.mark.parametrize("pair", [("CTCHead", "CTCLoss"), ("CenterCTCHead", "CTCCenterLoss")])
def test_a_head_and_a_loss_of_one_kind_have_no_conflict_and_no_doubt(pair):
    recipe = change(*pair)
    assert check_settings(recipe) == find_center_conflicts(recipe) == []
    assert not any("Center" in doubt for doubt in find_doubts(recipe))


def test_a_center_loss_without_its_head_is_one_sentence_alone_and_in_a_multi_loss():
    alone = config.override(config.read(config.locate(ALONE)), ["Architecture.Head.name=CTCHead"])
    rule = "CTCCenterLoss needs the features and centers of a CenterCTCHead; put it in the place of CTCHead in"
    assert find_center_conflicts(alone) == [f"Loss: {rule} Architecture.Head."]
    where = "Loss.loss_config_list.0.CTCCenterLoss"
    assert find_center_conflicts(change("CTCHead")) == [f"{where}: {rule} Architecture.Head."]


def test_centers_that_no_loss_moves_are_a_doubt_alone_and_in_a_multi_head():
    alone = config.override(config.read(config.locate(ALONE)), ["Loss={name: CTCLoss}"])
    for recipe, place in (
        (alone, "Architecture.Head"),
        (change(ctc_term="CTCLoss"), "Architecture.Head.head_list.0.CenterCTCHead.Head"),
    ):
        sentence = f"{place}: no CTCCenterLoss moves the centers of this CenterCTCHead."
        assert [doubt for doubt in find_doubts(recipe) if "Center" in doubt] == [sentence]


def test_a_loss_whose_center_term_is_off_moves_no_centers():
    sentence = (
        "Architecture.Head.head_list.0.CenterCTCHead.Head: no CTCCenterLoss moves the centers of this CenterCTCHead."
    )
    assert [doubt for doubt in find_doubts(change(center_weight=0)) if "Center" in doubt] == [sentence]


@pytest.mark.parametrize("key", ["name", "in_channels", "out_channels"])
def test_what_a_multi_head_says_of_its_branch_is_left_out_there(key):
    recipe = change(branch={**PARTS, "Head": {**PARTS["Head"], key: 7}})
    place = "Architecture.Head.head_list.0.CenterCTCHead.Head"
    assert find_center_conflicts(recipe) == [f"{place}.{key} is for the MultiHead to say; leave it out."]


@pytest.mark.parametrize("weight", ["abc", -1, None, float("nan")])
@pytest.mark.parametrize("key", ["weight_1", "weight_2"])
def test_the_weights_of_a_multi_loss_are_numbers(key, weight):
    recipe = change()
    recipe["Loss"][key] = weight
    with pytest.raises(UserError, match=f"`Loss.{key}` must be a number from 0 to"):
        check_settings(recipe)


def test_a_center_loss_and_its_head_are_both_in_branches_or_both_alone():
    rule = "CTCCenterLoss must be in a MultiLoss if its CenterCTCHead is in a MultiHead, and only then;"
    in_head, in_loss = (config.read(config.locate(ALONE)) for _ in range(2))
    in_head["Architecture"]["Head"] = change()["Architecture"]["Head"]
    in_loss["Loss"] = change()["Loss"]
    for recipe, where in ((in_head, "Loss"), (in_loss, "Loss.loss_config_list.0.CTCCenterLoss")):
        sentence = f"{where}: {rule} change Loss.name or Architecture.Head.name."
        assert find_center_conflicts(recipe) == [sentence]


def test_centers_in_a_branch_need_float32_too():
    recipe = change()
    recipe["Global"].update(use_amp=True, amp_level="O2")
    assert any("amp_level must be O1" in sentence for sentence in find_center_conflicts(recipe))


@pytest.mark.parametrize("branch", [None, {}, {"Head": {}}, {"Neck": {"name": "reshape"}}, {**PARTS, "Neck": {}}])
@pytest.mark.parametrize("name", ["CTCHead", "CenterCTCHead"])
def test_a_branch_for_ctc_without_its_parts_is_refused(name, branch):
    with pytest.raises(UserError, match=rf"head_list\.0\.{name} must have a `Neck: .*` and a `Head: .*`, got "):
        check_settings(change(name, branch=branch))


def test_one_branch_is_for_ctc():
    recipe = change()
    recipe["Architecture"]["Head"]["head_list"].append({"CTCHead": PARTS})
    recipe["Loss"]["loss_config_list"].pop(0)
    with pytest.raises(UserError) as error:
        check_settings(recipe)
    assert str(error.value).splitlines() == [
        "Architecture.Head.head_list: a MultiHead needs one CTCHead or CenterCTCHead, got CenterCTCHead, NRTRHead,"
        " CTCHead.",
        "Loss.loss_config_list: a MultiLoss needs one CTCLoss or CTCCenterLoss, got NRTRLoss.",
    ]
