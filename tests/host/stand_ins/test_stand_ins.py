"""The builders of the completed wheel: names, keys and errors."""

import copy
import functools

import paddle
import pytest
from stand_in_host import CLS, MV3_DET, REC, STUDENT, TEACHER, builder, changed

from ppocrv2_ext.errors import UserError

pytest_plugins = ["stand_in_host"]
pytestmark = pytest.mark.usefixtures("completed")

CONFIG_ERRORS = [
    ("model", changed(REC, Backbone={"name": "MobileNetV1Enhanse"}), "did you mean 'MobileNetV1Enhance'"),
    ("model", changed(REC, Backbone={"scal": 0.5}), "takes no `scal`; did you mean 'scale'"),
    ("model", changed(REC, Backbone={"scale": 0.35}), "multiple of 0.25"),
    ("model", changed(REC, Backbone={"last_pool_type": "avg"}), "takes no `last_pool_type`"),
    ("model", changed(REC, Neck={"encoder_type": "svtr"}), "no `encoder_type` 'svtr'"),
    ("model", changed(REC, Head={"use_guide": True}), "takes no `use_guide`"),
    ("model", {**REC, "Head": {"name": "CTCHead"}}, "needs `out_channels`"),
    ("model", {**REC, "Head": {"mid_channels": 96}}, "mapping with a `name`"),
    ("model", {**REC, "model_type": "kie"}, "one of rec, cls, det"),
    ("model", {**REC, "Transform": {"name": "TPS"}}, "`Architecture.Transform` must be empty"),
    ("model", {**REC, "name": "BaseModle"}, "did you mean 'BaseModel'"),
    ("model", {"Head": REC["Head"]}, "needs `model_type`"),
    ("model", {**REC, "Backbone": None}, "needs a `Backbone`"),
    ("model", {"model_type": "rec", "Backbone": REC["Backbone"]}, "needs a `Head`"),
    ("model", changed(STUDENT, Backbone={"scale": 0.6}), "one of 0.35, 0.5"),
    ("model", changed(STUDENT, Backbone={"model_name": "small"}), "of a detector must be large"),
    ("model", changed(CLS, Backbone={"model_name": "medium"}), "large or small"),
    ("model", changed(STUDENT, Neck={"use_asf": True}), "takes no `use_asf`"),
    ("model", changed(STUDENT, Neck={"out_channels": 30}), "multiple of 4"),
    ("model", {**MV3_DET, "model_type": "rec"}, "four feature maps"),
    ("model", changed(TEACHER, Backbone={"layers": 20}), "must be 18 or 50"),
    ("model", changed(CLS, Backbone={"small_stride": [2, 2]}), "four strides"),
    ("loss", {"name": "DBLoss", "main_loss_type": "BCELoss"}, "`main_loss_type` must be 'DiceLoss'"),
    ("loss", {"name": "DBLoss", "balance_loss": False}, "`balance_loss` must be True"),
    ("loss", {"name": "DBLoss", "alfa": 5}, "did you mean 'alpha'"),
    ("loss", {"name": "CTCLoss", "use_focal_loss": True}, "takes no `use_focal_loss`"),
    ("loss", {"name": "CenterLoss"}, "no loss is called 'CenterLoss'"),
    ("loss", {"name": "CombinedLoss"}, "must be a list"),
    ("loss", {"name": "CombinedLoss", "loss_config_list": [{"CTCLoss": None}]}, "needs a `weight`"),
    ("loss", {"name": "CombinedLoss", "loss_config_list": [{"CTCLos": {"weight": 1}}]}, "did you mean 'CTCLoss'"),
    ("loss", {"name": "CombinedLoss", "loss_config_list": ["CTCLoss"]}, "one `name: options` pair"),
    ("metric", {"name": "RecMetrics"}, "did you mean 'RecMetric'"),
    ("metric", {"name": "DetMetric", "ignore_space": True}, "takes no `ignore_space`"),
]


@pytest.mark.parametrize(("kind", "config", "sentence"), CONFIG_ERRORS, ids=[row[2] for row in CONFIG_ERRORS])
def test_a_mistake_in_a_config_is_explained_in_a_sentence(kind, config, sentence):
    with pytest.raises(UserError, match=sentence):
        builder(kind)(config)


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("model", CLS),
        ("loss", {"name": "CombinedLoss", "loss_config_list": [{"CTCLoss": {"weight": 1.0}}]}),
        ("metric", {"name": "RecMetric", "main_indicator": "acc"}),
    ],
)
def test_building_leaves_the_config_as_it_is(kind, config):
    before = copy.deepcopy(config)
    builder(kind)(config)
    builder(kind)(config)
    assert config == before


def test_an_error_of_a_component_carries_its_name(completed):
    class Picky(paddle.nn.Layer):
        def __init__(self, in_channels, size):
            raise ValueError("`size` must be even, got 3.")

    heads = completed("ppocr.modeling.heads")
    heads.HEADS["Picky"] = Picky
    with pytest.raises(UserError, match="head 'Picky' in the config: `size` must be even"):
        heads.build_head({"name": "Picky", "in_channels": 1, "size": 3})
    del heads.HEADS["Picky"]


def test_keys_that_the_tools_leave_in_the_architecture_are_ignored():
    builder("model")({**REC, "freeze_norm": False, "pretrained": None})


def test_training_in_static_graph_mode_is_refused(completed):
    apply_to_static = completed("ppocr.modeling.architectures").apply_to_static
    model = object()
    assert apply_to_static(model, {"Global": {"to_static": False}}, None) is model
    with pytest.raises(UserError, match="to_static"):
        apply_to_static(model, {"Global": {"to_static": True}}, None)


class PluginModel(paddle.nn.Layer):
    """The architecture of a plugin; it takes the whole config."""

    def __init__(self, config):
        super().__init__()
        self.config = config


@pytest.mark.parametrize("place", ["table", "attribute"])
def test_an_architecture_of_a_plugin_is_found(completed, monkeypatch, place):
    architectures = completed("ppocr.modeling.architectures")
    if place == "table":
        monkeypatch.setitem(architectures.ARCHITECTURES, "PluginModel", PluginModel)
    else:
        monkeypatch.setattr(architectures, "PluginModel", functools.partial(PluginModel), raising=False)
    assert builder("model")({"name": "PluginModel", "Models": {}}).config == {"Models": {}}


def test_only_the_four_missing_packages_come_from_this_project(completed):
    for package in ("modeling", "losses", "optimizer", "metrics"):
        assert "ppocrv2_ext" in completed(f"ppocr.{package}").__file__
    assert "ppocrv2_ext" not in completed("ppocr.utils").__file__
