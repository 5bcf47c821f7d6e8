"""Words of a config that nothing would read are found before anything runs."""

import pytest

from ppocrv2_ext import config, schema
from ppocrv2_ext.errors import UserError


@pytest.fixture
def catalog(wheel):
    from ppocrv2_ext.host import catalog

    return catalog


@pytest.fixture
def recipe():
    return config.read(config.locate("rec/ch_PP-OCRv2_rec"))


def test_every_built_in_config_is_wholly_understood(catalog):
    for name in config.built_in():
        assert schema.check(config.read(config.locate(name)), catalog) == [], name


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("Global.epoch_nums=4", "Global has no 'epoch_nums'; did you mean 'epoch_num'"),
        ("Architecture.Backbone.name=LCNt", "no backbone 'LCNt'; did you mean 'LCNet'"),
        ("Architecture.Backbone.scal=0.5", "backbone 'LCNet' takes no 'scal'; did you mean 'scale'"),
        ("Architecture.Neck.hiden_size=48", "neck 'SequenceEncoder' takes no 'hiden_size'; did you mean 'hidden_size'"),
        ("Architecture.Head.name=CTCHed", "did you mean 'CTCHead'"),
        ("Architecture.freeze_nrm=true", "Architecture has no 'freeze_nrm'; did you mean 'freeze_norm'"),
        ("Loss.name=CTCLos", "did you mean 'CTCLoss'"),
        ("Optimizer.name=Adan", "did you mean 'Adam'"),
        ("Optimizer.beta_1=0.9", "optimizer 'Adam' takes no 'beta_1'; did you mean 'beta1'"),
        ("Optimizer.lr.warmup_epochs=1", "takes no 'warmup_epochs'; did you mean 'warmup_epoch'"),
        ("PostProcess.name=CTCLabelDecoder", "did you mean 'CTCLabelDecode'"),
        ("Metric.main_indicater=acc", "did you mean 'main_indicator'"),
        ("Train.loader.batch_size_per_crd=8", "did you mean 'batch_size_per_card'"),
        (
            "Train.dataset.transforms.RecAug.tia_prb=0.1",
            "transform 'RecAug' takes no 'tia_prb'; did you mean 'tia_prob'",
        ),
        ("Train.dataset.transforms.RecResizeImg.image_shap=1", "did you mean 'image_shape'"),
    ],
)
def test_a_slip_is_an_error_that_suggests_the_right_word(recipe, catalog, assignment, message):
    with pytest.raises(UserError, match=message):
        schema.check(config.override(recipe, [assignment]), catalog)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("Global=", "lacks the section Global, or it is empty"),
        ("Metric=", "lacks the section Metric"),
        ("Optimizer.lr=0.001", "Optimizer.lr must be a mapping of `key: value`, got 0.001"),
        ("Architecture.Backbone=LCNet", "Architecture.Backbone must be a mapping .* got 'LCNet'"),
        ("Architecture.Models=[Student]", "Architecture.Models must be a mapping .* got \\['Student'\\]"),
        ("Architecture.Models={Student: }", "Architecture.Models.Student must be a mapping .* got None"),
        ("Architecture.name=CollaborativeModle", "did you mean 'CollaborativeModel'"),
        ("Loss={name: CombinedLoss, loss_config_list: [CTCLoss]}", "loss_config_list.0 must be a mapping .* 'CTCLoss'"),
        ("Loss={name: CombinedLoss, loss_config_list: }", "Loss.loss_config_list must be a list of `- name: "),
        ("Train.dataset=", "Train.dataset must be a mapping"),
        ("Train.loader=", "Train must hold a dataset and a loader"),
        ("Train.dataset.transforms=[KeepKeys]", "Train.dataset.transforms.0 must be a mapping .* 'KeepKeys'"),
        ("Eval.dataset.transforms=", "Eval.dataset.transforms must be a list"),
    ],
)
def test_a_value_in_the_place_of_a_section_is_an_error_that_shows_the_form(recipe, catalog, assignment, message):
    with pytest.raises(UserError, match=message):
        schema.check(config.override(recipe, [assignment]), catalog)


def test_all_slips_are_told_at_once(recipe, catalog):
    wrong = config.override(recipe, ["Global.epoch_nums=4", "Architecture.Backbone.scal=0.5"])
    with pytest.raises(UserError) as error:
        schema.check(wrong, catalog)
    assert len(str(error.value).splitlines()) == 2


def test_a_missing_section_is_named(recipe, catalog):
    del recipe["Metric"]
    with pytest.raises(UserError, match="lacks the section Metric"):
        schema.check(recipe, catalog)


def test_a_leftover_that_does_no_harm_is_a_warning(recipe, catalog):
    harmless = config.override(recipe, ["PostProcess.zebra=1"])
    assert schema.check(harmless, catalog) == [
        "PostProcess: post-process 'CTCLabelDecode' does not read 'zebra'; it has no effect."
    ]
