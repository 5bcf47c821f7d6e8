"""Words of a config that nothing would read, and settings that contradict each other, are found before it runs."""

import re
import subprocess
import sys

import pytest

from ppocrv2_ext import config
from ppocrv2_ext.config import vocabulary
from ppocrv2_ext.errors import UserError


@pytest.fixture
def catalog(wheel):
    from ppocrv2_ext.host.components import catalog

    return catalog


@pytest.fixture
def recipe():
    return config.read(config.locate("rec/ch_PP-OCRv2_rec"))


def test_no_built_in_config_has_a_word_that_nothing_reads(catalog):
    for name in config.built_in():
        recipe = config.read(config.locate(name))
        if "PP-OCRv2" in name or name.startswith("cls/"):
            assert vocabulary.check(recipe, catalog) == [], name
            continue
        with pytest.raises(UserError) as error:  # the wheel lacks what later models are made of, and nothing else
            vocabulary.check(recipe, catalog)
        assert str(error.value).startswith("this config needs a clone of PaddleOCR"), name
        assert len(str(error.value).splitlines()) == 1, name


ON_A_CLONE = """
from ppocrv2_ext import config
from ppocrv2_ext.config import vocabulary
from ppocrv2_ext.host.components import catalog
from ppocrv2_ext.host import connect

root = connect({clone!r}).root
for name in config.built_in():
    assert vocabulary.check(config.read(config.locate(name)), catalog, root) == [], name
from pathlib import Path
for file in Path({clone!r}, "configs").glob("**/*.y*ml"):
    try:
        for warning in vocabulary.check(config.read(file), catalog, root):
            print("warning:", warning)
    except config.yaml_files.UserError as error:
        print(file.name, error)
for kind in catalog.NAMES_IN_A_CLONE:
    assert catalog.names_of_host(kind) == catalog.names_in_clone(kind), kind
"""
# Faults of PaddleOCR's own configs, which would stop a training with them or have no effect.
FAULTS = ["no backbone 'repvit_svtr'", "'weight_deacy'; did you mean 'weight_decay'"]


# Keys of them that the scripts of PaddleOCR do not read, nor any component of the config.
UNREAD = {
    *("Global.allow_resize_largeImg", "Global.box_format", "Global.num_heads", "Global.start_ema"),
    "Train.loader.num_sections",
}


@pytest.mark.checkout
def test_every_built_in_config_and_every_sound_config_of_paddleocr_passes_on_a_clone(checkout):
    done = subprocess.run(
        [sys.executable, "-c", ON_A_CLONE.format(clone=str(checkout))], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    unread = {line.split()[5].rstrip(";") for line in lines if line.startswith("warning: PaddleOCR does not read")}
    assert unread == UNREAD
    refused = [line for line in lines if re.match(r"\S+\.ya?ml ", line)]
    assert len(refused) == len(FAULTS), refused
    assert all(any(fault in line for line in refused) for fault in FAULTS)


def test_an_older_clone_is_to_be_updated_and_none_is_asked_for(catalog, recipe, monkeypatch):
    monkeypatch.setattr(catalog, "is_complete", lambda: True)
    recipe["Architecture"]["Backbone"] = {"name": "PPLCNetV4"}
    with pytest.raises(UserError, match=r"^the clone of PaddleOCR in use has no backbone 'PPLCNetV4'; update it\.$"):
        vocabulary.check(recipe, catalog)


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
            "transform 'TextLineAugment', which stands for RecAug, takes no 'tia_prb'; did you mean 'tia_prob'",
        ),
        ("Train.dataset.transforms.RecResizeImg.image_shap=1", "did you mean 'image_shape'"),
    ],
)
def test_a_slip_is_an_error_that_suggests_the_right_word(recipe, catalog, assignment, message):
    with pytest.raises(UserError, match=message):
        vocabulary.check(config.override(recipe, [assignment]), catalog)


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
        vocabulary.check(config.override(recipe, [assignment]), catalog)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("Metric.main_indicator=ac", "Metric.main_indicator is 'ac'; did you mean 'acc'"),
        ("Global.epoch_num=0", "`Global.epoch_num` must be a whole number from 1 to 1000000, got 0"),
        ("Global.print_batch_step=0", "print_batch_step` must be a whole number from 1"),
        ("Global.ema_decay=1", r"`Global.ema_decay` must be a number in \[0, 1\), got 1"),
        ("Global.ema_decay=-0.1", r"`Global.ema_decay` must be a number in \[0, 1\), got -0.1"),
        ("Global.ema_start_share=1", r"`Global.ema_start_share` must be a number in \[0, 1\), got 1"),
        ("Global.ema_gamma=0", "`Global.ema_gamma` must be a number > 0, got 0"),
        ("Global.seed=-1", "`Global.seed` must be a whole number from 0 to 4294967295, got -1"),
        ("Global.seed=5000000000", "`Global.seed` must be a whole number from 0 to 4294967295, got 5000000000"),
        ("Train.dataset.transforms.KeepKeys.keep_keys=[label,image,length]", "must begin with image"),
        ("Eval.dataset.transforms.KeepKeys.keep_keys=[label,image,length]", "must begin with image"),
        ("Global.eval_batch_step=[0,0]", r"eval_batch_step` must be \[first step, every so many\].* got \[0, 0\]"),
        ("Global.eval_batch_step=often", "eval_batch_step` must be .* got 'often'"),
        ("Train.loader.batch_size_per_card=0", "batch_size_per_card` must be a whole number from 1 to 100000, got 0"),
        ("Train.loader.num_workers=-1", "num_workers` must be a whole number from 0 to 256, got -1"),
        ("Train.loader={shuffle: true, drop_last: true, num_workers: 1}", "Train.loader lacks 'batch_size_per_card'"),
        ("Train.dataset.transforms=[]", "Train.dataset.transforms must end in KeepKeys"),
        (
            "Optimizer.lr={name: Cosine, learning_rate: -1}",
            "learning_rate` must be a number > 0 and <= 1e\\+06, got -1",
        ),
    ],
)
def test_a_value_that_would_stop_training_later_is_an_error_now(recipe, catalog, assignment, message):
    with pytest.raises(UserError, match=message):
        vocabulary.check(config.override(recipe, [assignment]), catalog)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("Metric.main_indicator=hmeen", "did you mean 'hmean'"),
        ("Metric.networks=[Student,Studnt2]", "Metric.networks names 'Studnt2'; did you mean 'Student2'"),
        ("PostProcess.model_name=[Student,Studnt2]", "PostProcess.model_name names 'Studnt2'"),
        ("PostProcess.model_name=[Student]", "Metric.networks names 'Student2'"),
        (
            "Train.dataset.transforms.KeepKeys.keep_keys=[image,threshold_map,shrink_map,threshold_mask,shrink_mask]",
            "keep_keys must be image, threshold_map, threshold_mask, shrink_map, shrink_mask",
        ),
        ("Eval.dataset.transforms.KeepKeys.keep_keys=[image,polys,shape,ignore_tags]", "image, shape, polys, ignore"),
        (
            "Architecture.Models.Teacher.Backbone={name: MobileNetV3, disable_se: {a: 1}}",
            "disable_se` must be true or f",
        ),
        ("Eval.loader.batch_size_per_card=2", "Eval.loader.batch_size_per_card must be 1, .* got 2"),
        ("Train.dataset.transforms.EastRandomCropData.size=[600,640]", r"must be multiples of 32, got \[600, 640\]"),
    ],
)
def test_a_detectors_parts_must_fit_together(catalog, assignment, message):
    cml = config.read(config.locate("det/ch_PP-OCRv2_det_cml"))
    with pytest.raises(UserError, match=message):
        vocabulary.check(config.override(cml, [assignment]), catalog)


@pytest.mark.parametrize(
    ("name", "assignment", "message"),
    [
        ("rec/ch_PP-OCRv2_rec_udml_center", "Loss.loss_config_list.0.UDMLLoss.pair=[Student,Techer]", "'Techer'; did"),
        ("rec/ch_PP-OCRv2_rec_udml_center", "Loss.loss_config_list.1.CTCCenterLoss.network=Stud", "'Stud'; did you"),
        ("det/ch_PP-OCRv2_det_cml", "Loss.students=[Student,Student3]", "Loss.students names 'Student3'; did you mean"),
        ("det/ch_PP-OCRv2_det_cml", "Loss.teacher=Teacher2", "Loss.teacher names 'Teacher2'; did you mean 'Teacher'"),
        ("rec/ch_PP-OCRv2_rec_enhanced_ctc_loss", "Loss.network=Student", "'Student', but .* a single network"),
    ],
)
def test_a_loss_may_only_name_networks_of_the_model(catalog, name, assignment, message):
    with pytest.raises(UserError, match=message):
        vocabulary.check(config.override(config.read(config.locate(name)), [assignment]), catalog)


@pytest.mark.parametrize(
    "slips",
    [
        ["Global.epoch_nums=4", "Train.loader.batch_size_per_crd=8"],
        ["Architecture.Backbone.scal=0.5", "Architecture.Neck.hiden_size=48"],
    ],
)
def test_all_slips_of_settings_or_of_components_are_reported_at_once(recipe, catalog, slips):
    with pytest.raises(UserError) as error:
        vocabulary.check(config.override(recipe, slips), catalog)
    assert len(str(error.value).splitlines()) == 2


def test_a_missing_section_is_named(recipe, catalog):
    del recipe["Metric"]
    with pytest.raises(UserError, match="lacks the section Metric"):
        vocabulary.check(recipe, catalog)


def test_a_leftover_that_does_no_harm_is_a_warning(recipe, catalog):
    harmless = config.override(recipe, ["PostProcess.zebra=1"])
    assert vocabulary.check(harmless, catalog) == [
        "PostProcess: post-process 'CTCLabelDecode' does not read 'zebra'; it has no effect."
    ]


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("Global.freeze_norm=true", "Global has no 'freeze_norm'; its place is Architecture.freeze_norm."),
        ("Global.shuffle=false", "Global has no 'shuffle'; its place is Train.loader.shuffle."),
        ("Train.epoch_num=4", "Train has no 'epoch_num'; its place is Global.epoch_num."),
        ("Train.loader.data_dir=a", "Train.loader has no 'data_dir'; its place is Train.dataset.data_dir."),
        ("Eval.dataset.num_workers=2", "Eval.dataset has no 'num_workers'; its place is Eval.loader.num_workers."),
        ("Architecture.checkpoints=a", "Architecture has no 'checkpoints'; its place is Global.checkpoints."),
        ("Optimizer.learning_rate=1", "Optimizer has no 'learning_rate'; its place is Optimizer.lr.values."),
    ],
)
def test_a_key_of_another_section_is_an_error_that_names_its_place(recipe, assignment, message):
    with pytest.raises(UserError) as error:
        vocabulary.check_settings(config.override(recipe, [assignment]))
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("schedule", "place"), [("Cosine", "learning_rate"), ("Piecewise", "values"), ("OneCycle", "max_lr")]
)
def test_the_place_of_a_learning_rate_is_what_its_schedule_calls_it(recipe, schedule, place):
    recipe = config.override(recipe, [f"Optimizer.lr={{name: {schedule}}}", "Global.lr=0.001"])
    with pytest.raises(UserError, match=rf"Global has no 'lr'; its place is Optimizer\.lr\.{place}\."):
        vocabulary.check_settings(recipe)


@pytest.mark.parametrize("section", ["", "Global"])
@pytest.mark.parametrize(
    ("key", "place", "value"),
    [
        ("num_workers", "Train.loader.num_workers", 3),
        ("batch_size", "Train.loader.batch_size_per_card", 3),
        ("data_dir", "Train.dataset.data_dir", "words"),
    ],
)
def test_a_value_that_stands_at_its_place_too_is_no_error(recipe, section, key, place, value):
    recipe = config.override(recipe, [f"{place}={value}"])
    (recipe[section] if section else recipe)[key] = value
    vocabulary.check_settings(recipe)
    other = config.override(recipe, [f"{place}={'letters' if key == 'data_dir' else 4}"])
    with pytest.raises(UserError, match=re.escape(f"its place is {place}.")):
        vocabulary.check_settings(other)


def test_a_section_that_is_a_key_of_another_is_an_error_that_names_its_place(recipe):
    with pytest.raises(UserError, match=r"has no section 'epoch_num'; its place is Global\.epoch_num\."):
        vocabulary.check_settings({**recipe, "epoch_num": 4})


def test_of_several_networks_one_that_learns_is_named(recipe):
    recipe["Architecture"] = {"Models": {"Teacher": {"freeze_params": True}, "Student": {}}}
    with pytest.raises(UserError, match=r"its place is Architecture\.Models\.Student\.freeze_norm\.$"):
        vocabulary.check_settings(config.override(recipe, ["Global.freeze_norm=true"]))


@pytest.mark.parametrize(
    ("assignment", "suggestion"),
    [
        ("Global.epochs=1", "did you mean 'epoch_num'?"),
        ("Global.save_dir=a", "did you mean 'save_model_dir'?"),
        ("Global.model_save_dir=a", "did you mean 'save_model_dir'?"),
        ("Global.learning_rate=1", "its place is Optimizer.lr.values."),
        ("Global.batch_size=8", "its place is Train.loader.batch_size_per_card."),
        ("Train.loader.batch_size=8", "did you mean 'batch_size_per_card'?"),
        ("Train.loader.batchsize=8", "did you mean 'batch_size_per_card'?"),
        ("Train.loader.batchSize=8", "did you mean 'batch_size_per_card'?"),
        ("Optimizer.max_grad_norm=5", "its place is Optimizer.clip_norm_global."),
    ],
)
def test_the_name_that_another_program_gives_a_key_is_an_error_that_names_the_right_key(recipe, assignment, suggestion):
    with pytest.raises(UserError) as error:
        vocabulary.check_settings(config.override(recipe, [assignment]))
    assert str(error.value).endswith(f"; {suggestion}")


@pytest.mark.parametrize("key", ["Global.zebra", "Train.dataset.zebra", "Eval.loader.zebra", "Global.box_thresh"])
def test_a_key_that_nothing_reads_is_a_warning(recipe, catalog, wheel, key):
    config_with_key = config.override(recipe, [f"{key}=1"])
    assert vocabulary.check(config_with_key, catalog, wheel.root) == [
        f"PaddleOCR does not read {key}; it has no effect."
    ]


def test_a_key_of_global_that_a_component_reads_is_no_leftover(recipe, catalog, wheel):
    for assignment in ("Global.image_shape=[3,32,320]", "Global.unicode_form=NFC"):
        assert vocabulary.check(config.override(recipe, [assignment]), catalog, wheel.root) == []


def test_a_key_that_a_script_of_a_changed_clone_names_is_no_leftover(recipe, catalog, tmp_path):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/train.py").write_text('print(config["Global"].get("zebra"))\n')
    assert vocabulary.check(config.override(recipe, ["Global.zebra=1"]), catalog, tmp_path) == []


def test_a_key_that_global_states_for_other_sections_is_no_leftover(recipe, catalog):
    """PaddleOCR's configs write it with & and refer to it by *."""
    size = recipe["Architecture"]["Neck"]["hidden_size"]
    assert vocabulary.check(config.override(recipe, [f"Global.hidden_size={size}"]), catalog) == []
    other = vocabulary.check(config.override(recipe, [f"Global.hidden_size={size + 1}"]), catalog)
    assert other == ["PaddleOCR does not read Global.hidden_size; it has no effect."]
