"""Registered components reach every builder of PaddleOCR, and nothing of PaddleOCR is hidden."""

import copy
import importlib
import re
import sys
from pathlib import Path

import paddle
import pytest

from ppocrv2_ext import host, registry
from ppocrv2_ext.errors import UserError

ARCHITECTURE = {
    "model_type": "rec",
    "algorithm": "CRNN",
    "Transform": None,
    "Backbone": {"name": "LCNet", "scale": 0.25},
    "Neck": {"name": "SequenceEncoder", "encoder_type": "rnn", "hidden_size": 8},
    "Head": {"name": "CTCHead", "mid_channels": 8, "out_channels": 11},
}


def build(**changes):
    from ppocr.modeling.architectures import build_model

    return build_model({**copy.deepcopy(ARCHITECTURE), **changes})


@pytest.fixture
def plugged_again(wheel):
    """Plug what a test registers, then put everything back."""
    from ppocrv2_ext.host.plug import plug_in, unplug

    scripts = sys.modules.pop("tools.program", None)
    unplug()
    yield plug_in
    unplug()
    for kind in registry.REGISTRIES:
        kind.pop("Probe", None)
    plug_in()
    if scripts:
        sys.modules["tools.program"] = scripts


def test_a_backbone_of_ours_is_built_by_paddleocrs_builder(wheel):
    output = build()(paddle.zeros([2, 3, 32, 64]))
    assert output.shape == [2, 16, 11]


def test_plugging_in_twice_changes_nothing(wheel):
    from ppocr.modeling import backbones

    from ppocrv2_ext.host.plug import plug_in

    before = backbones.build_backbone
    plug_in()
    assert backbones.build_backbone is before


def test_with_freeze_norm_in_the_config_the_batchnorm_statistics_stay(wheel):
    network = build(freeze_norm=True)
    before = {name: value.numpy() for name, value in network.state_dict().items() if "_mean" in name}
    network.train()
    network(paddle.randn([4, 3, 32, 64]))
    assert all((network.state_dict()[name].numpy() == value).all() for name, value in before.items())
    assert before


def test_without_freeze_norm_the_batchnorm_statistics_move(wheel):
    network = build()
    before = network.backbone.conv1._batch_norm._mean.numpy()
    network.train()
    network(paddle.randn([4, 3, 32, 64]))
    assert (network.backbone.conv1._batch_norm._mean.numpy() != before).any()


MEMBER = {"return_all_feats": True, "freeze_params": False, "pretrained": None}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"merged": True}, "Architecture.merged merges the training branches of PP-OCRv3 and later"),
        ({"restore_norm": True}, "Architecture.restore_norm puts BatchNorm back into a merged backbone"),
        ({"model_type": "det", "frames_by_width": True}, "Architecture.frames_by_width is for recognizers"),
    ],
)
def test_an_option_without_effect_is_refused(wheel, changes, sentence):
    with pytest.raises(UserError, match=f"^{sentence}"):
        build(**changes)


@pytest.mark.parametrize(
    ("name", "option", "sentence"),
    [
        ("CollaborativeModel", "merged", "merges the training branches"),
        ("CollaborativeModel", "restore_norm", "puts BatchNorm back into a merged backbone"),
        ("DistillationModel", "merged", "needs `Architecture.name: CollaborativeModel`"),
        ("DistillationModel", "restore_norm", "needs `Architecture.name: CollaborativeModel`"),
    ],
)
def test_an_option_without_effect_is_refused_for_one_of_several_networks(wheel, name, option, sentence):
    from ppocr.modeling.architectures import build_model

    models = {"Teacher": {**ARCHITECTURE, **MEMBER}, "Student": {**ARCHITECTURE, **MEMBER, option: True}}
    config = {"model_type": "rec", "algorithm": "Distillation", "name": name, "Models": models}
    with pytest.raises(UserError, match=rf"^Architecture.Models.Student.{option} {sentence}"):
        build_model(copy.deepcopy(config))


def test_a_transform_gets_its_own_arguments_and_none_of_global(plugged_again):
    class Probe:
        def __init__(self, limit=1, max_text_length=2):
            self.arguments = (limit, max_text_length)

    registry.TRANSFORMS.register(Probe)
    plugged_again()
    from ppocr.data.imaug import create_operators

    (probe,) = create_operators([{"Probe": {"limit": 7}}], {"max_text_length": 25, "use_gpu": False})
    assert probe.arguments == (7, 25)


def test_a_loss_is_built_alone_and_inside_combined_loss(plugged_again):
    class Probe(paddle.nn.Layer):
        def __init__(self, size):
            super().__init__()
            self.size = size

        def forward(self, predicts, batch):
            return {"loss": predicts.sum() * self.size}

    registry.LOSSES.register(Probe)
    plugged_again()
    from ppocr.losses import build_loss

    assert float(build_loss({"name": "Probe", "size": 3})(paddle.ones([2]), None)["loss"]) == 6
    combined = {"name": "CombinedLoss", "loss_config_list": [{"Probe": {"size": 3, "weight": 0.5}}]}
    assert float(build_loss(combined)(paddle.ones([2]), None)["loss"]) == 3


def test_an_architecture_is_built_by_name(plugged_again):
    class Probe(paddle.nn.Layer):
        def __init__(self, config):
            super().__init__()
            self.config = config

    registry.ARCHITECTURES.register(Probe)
    plugged_again()
    assert build(name="Probe").config["model_type"] == "rec"


def test_a_component_with_a_name_of_paddleocrs_is_refused(plugged_again):
    class CTCLoss:
        pass

    registry.LOSSES.register(CTCLoss)
    try:
        with pytest.raises(UserError, match="would hide PaddleOCR's own in ppocr.losses"):
            plugged_again()
    finally:
        del registry.LOSSES["CTCLoss"]


def test_an_architecture_with_a_name_of_paddleocrs_is_refused(plugged_again):
    registry.ARCHITECTURES["BaseModel"] = object
    try:
        with pytest.raises(UserError, match="architecture 'BaseModel' would hide PaddleOCR's own"):
            plugged_again()
    finally:
        del registry.ARCHITECTURES["BaseModel"]


def test_plugging_in_after_the_tools_were_imported_is_refused(plugged_again, monkeypatch):
    monkeypatch.setitem(sys.modules, "tools.program", object())
    with pytest.raises(UserError, match="before importing"):
        plugged_again()


def test_unplugging_restores_every_builder(plugged_again):
    from ppocr.modeling import backbones

    from ppocrv2_ext.host.plug import unplug

    plain = backbones.build_backbone
    plugged_again()
    assert backbones.build_backbone is not plain
    unplug()
    assert backbones.build_backbone is plain


def test_a_registered_name_used_twice_is_an_error():
    kind = registry.Registry("probe")
    kind.register(dict)
    with pytest.raises(ValueError, match="probe 'dict' is registered twice"):
        kind.register(dict)


def list_maps():
    """{"host", or the name of a folder in it that is not laid out like PaddleOCR: its package}"""
    names = [path.parent.name for path in Path(host.__file__).parent.glob("*/__init__.py")]
    folders = {name: importlib.import_module(f"ppocrv2_ext.host.{name}") for name in names if name != "stand_ins"}
    return {"host": host, **folders}


@pytest.mark.parametrize("room", list_maps().values(), ids=list_maps())
def test_the_map_of_a_room_names_its_modules_and_folders_and_nothing_else(room):
    folder = Path(room.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    folders = {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}
    assert set(re.findall(r"``(\w+/?)``", room.__doc__)) == modules | folders


def test_the_map_has_the_contexts_of_the_loop_in_their_order(wheel):
    from ppocrv2_ext.host import training
    from ppocrv2_ext.host.plug import list_training_contexts

    around = training.__doc__.partition("the outermost first:")[2].partition("Beside them:")[0]
    assert re.findall(r"^- \S*?(\w+)`+:", around, re.MULTILINE) == [
        context.__module__.rpartition(".")[2] for context in list_training_contexts(lambda training: [])
    ]


def test_paddleocr_installs_no_package(wheel, monkeypatch):
    from ppocr.data.imaug import ct_process, drrg_targets

    def fail(*arguments, **options):
        raise AssertionError("a process was started")

    monkeypatch.setattr("subprocess.check_call", fail)
    for module in (ct_process, drrg_targets):
        with pytest.raises(
            UserError, match="^PaddleOCR needs the module lanms_ for this: run `pip install lanms-neo`."
        ):
            module.check_install("lanms_", "lanms-neo")
        module.check_install("json", "json")


def test_a_package_that_is_missing_is_no_fault_of_the_config(wheel):
    from ppocrv2_ext.host.installing import require_installed
    from ppocrv2_ext.host.samples.transform_check import _send

    with pytest.raises(UserError, match="run `pip install lanms-neo`"):
        _send([lambda data: require_installed("lanms_", "lanms-neo")], ["DRRGTargets"], (60, 48), "a", {})
