"""Every option of the stand-ins is set by a config: of PaddleOCR, if it runs on the completed wheel, or of our own.

:data:`OPTIONS` says which config; an option without one is a mistake of this table or too much code.
"""

import inspect
from pathlib import Path

import paddle
import pytest
import yaml
from stand_in_host import PADDLEOCR, architecture, builder, det_case, random, rec_case

pytest_plugins = ["stand_in_host"]
ROOT = Path(__file__).resolve().parents[3]

STUDENT = "det/ch_PP-OCRv2/ch_PP-OCRv2_det_student.yml"
MV3_DET = "det/det_mv3_db.yml"
RESNET50_DET = "det/det_r50_vd_db.yml"
REC = "rec/ch_PP-OCRv2/ch_PP-OCRv2_rec.yml"
REC_SMALL = "rec/ch_ppocr_v2.0/rec_chinese_lite_train_v2.0.yml"
REC_LARGE = "rec/rec_mv3_none_none_ctc.yml"
CLS = "cls/cls_mv3.yml"
# Configs of this project.
OUR_TEACHER = "configs/det/ch_PP-OCRv2_det_teacher.yml"
OUR_UDML = "configs/rec/ch_PP-OCRv2_rec_distillation.yml"
OUR_ORIENTATION = "configs/cls/textline_orientation_lcnet.yml"

# (kind, component): {option: the config that sets it}
OPTIONS = {
    ("rec backbone", "MobileNetV1Enhance"): {"scale": REC},
    ("rec backbone", "MobileNetV3"): {"model_name": REC_SMALL, "scale": REC_SMALL, "small_stride": REC_SMALL},
    ("det backbone", "MobileNetV3"): {"model_name": MV3_DET, "scale": MV3_DET, "disable_se": STUDENT},
    ("det backbone", "ResNet_vd"): {"layers": RESNET50_DET},
    ("neck", "DBFPN"): {"out_channels": MV3_DET},
    ("neck", "SequenceEncoder"): {"encoder_type": REC, "hidden_size": REC},
    ("head", "CTCHead"): {"fc_decay": REC_LARGE, "mid_channels": REC},
    ("head", "ClsHead"): {"class_dim": CLS},
    ("head", "DBHead"): {"k": MV3_DET},
    ("loss", "CTCLoss"): {},
    ("loss", "ClsLoss"): {},
    ("loss", "CombinedLoss"): {"loss_config_list": OUR_UDML},
    ("loss", "DBLoss"): dict.fromkeys(["alpha", "beta", "balance_loss", "main_loss_type", "ohem_ratio"], MV3_DET),
    ("metric", "ClsMetric"): {"main_indicator": CLS},
    ("metric", "DetMetric"): {"main_indicator": MV3_DET},
    ("metric", "RecMetric"): {"main_indicator": REC},
    ("optimizer", "Adam"): {"beta1": MV3_DET, "beta2": MV3_DET, "weight_decay": MV3_DET},
    ("optimizer", "AdamW"): dict.fromkeys(
        ["beta1", "beta2", "weight_decay", "one_dim_param_no_weight_decay"], OUR_ORIENTATION
    ),
    ("learning rate", "Const"): {"learning_rate": MV3_DET},
    ("learning rate", "Cosine"): {"learning_rate": CLS, "warmup_epoch": REC_SMALL},
    ("learning rate", "Piecewise"): {"decay_epochs": REC, "values": REC, "warmup_epoch": REC},
    ("regularizer", "L2"): {"factor": REC},
}
# (kind, component, option): why it is there although no config sets it
OTHERS = {
    ("metric", "RecMetric", "ignore_space"): "BestNetworkMetric, the metric of our distillation configs, passes it on",
    ("optimizer", "Adam", "epsilon"): "our test of two processes against one sets it, to keep rounding small",
    ("learning rate", "Const", "warmup_epoch"): "the warm-up is one piece of code for all learning rates",
}
# Values with code of their own.
VALUES = [
    ("det backbone", "ResNet_vd", "layers", 18, OUR_TEACHER),
    ("det backbone", "ResNet_vd", "layers", 50, RESNET50_DET),
    ("det backbone", "MobileNetV3", "model_name", "large", MV3_DET),
    ("rec backbone", "MobileNetV3", "model_name", "large", REC_LARGE),
    ("rec backbone", "MobileNetV3", "model_name", "small", REC_SMALL),
    ("cls backbone", "MobileNetV3", "model_name", "small", CLS),
    ("neck", "SequenceEncoder", "encoder_type", "reshape", REC_LARGE),
    ("neck", "SequenceEncoder", "encoder_type", "rnn", REC),
]
# Arguments that PaddleOCR's tools and builders add to a component's section.
ADDED = {"in_channels", "epochs", "step_each_epoch", ("head", "CTCHead", "out_channels")} | {
    ("optimizer", name, "learning_rate") for name in ("Adam", "AdamW")
}


def read_config(file):
    if file in PADDLEOCR:
        return PADDLEOCR[file]
    return yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))


def components(config):
    """(kind, section) of every component that a config asks PaddleOCR's builders for."""
    model, optimizer = config["Architecture"], dict(config["Optimizer"])
    for network in model["Models"].values() if "Models" in model else [model]:
        yield f"{network['model_type']} backbone", network["Backbone"]
        for part in ("Neck", "Head"):
            if network[part] is not None:
                yield part.lower(), network[part]
    yield "loss", config["Loss"]
    yield "metric", config["Metric"]
    yield "learning rate", {"name": "Const", **optimizer.pop("lr")}
    if "regularizer" in optimizer:
        optimizer["weight_decay"] = optimizer.pop("regularizer")
        yield "regularizer", optimizer["weight_decay"]
    yield "optimizer", optimizer


def section(file, kind, name):
    found = [options for this, options in components(read_config(file)) if (this, options["name"]) == (kind, name)]
    assert found, f"{file} has no {kind} {name}"
    return found[0]


@pytest.fixture
def classes(completed):
    """{(kind, name): class} of everything that the stand-ins can build."""
    optimizer, backbones = completed("ppocr.optimizer"), completed("ppocr.modeling.backbones").BACKBONES
    tables = {
        **{f"{model_type} backbone": table for model_type, table in backbones.items()},
        "neck": completed("ppocr.modeling.necks").NECKS,
        "head": completed("ppocr.modeling.heads").HEADS,
        "loss": completed("ppocr.losses").LOSSES,
        "metric": completed("ppocr.metrics").METRICS,
        "optimizer": optimizer.OPTIMIZERS,
        "learning rate": optimizer.LEARNING_RATES,
        "regularizer": optimizer.REGULARIZERS,
    }
    return {(kind, name): component for kind, table in tables.items() for name, component in table.items()}


@pytest.mark.parametrize(
    ("kind", "name", "option", "file"),
    [(*component, option, file) for component, options in OPTIONS.items() for option, file in options.items()],
)
def test_the_config_sets_the_option(kind, name, option, file):
    assert option in section(file, kind, name)


@pytest.mark.parametrize(("kind", "name", "option", "value", "file"), VALUES)
def test_the_config_sets_the_option_to_the_value(kind, name, option, value, file):
    assert section(file, kind, name)[option] == value


def test_there_is_no_option_beyond_the_table(classes):
    expected = {(*component, option) for component, options in OPTIONS.items() for option in options} | OTHERS.keys()
    rows = {classes[component]: component for component in OPTIONS}
    assert rows.keys() == set(classes.values())
    options = {(*rows[each], option) for each in rows for option in inspect.signature(each).parameters}
    assert {row for row in options if row not in ADDED and row[2] not in ADDED} == expected


def test_there_is_no_value_beyond_the_table(completed):
    def values(kind, name, option):
        return {row[3] for row in VALUES if row[:3] == (kind, name, option)}

    backbones = completed("ppocr.modeling.backbones")
    assert values("det backbone", "ResNet_vd", "layers") == set(backbones.det_resnet_vd.LAYERS)
    assert values("rec backbone", "MobileNetV3", "model_name") == set(backbones.mobilenet_v3.MODELS)
    assert values("neck", "SequenceEncoder", "encoder_type") == set(completed("ppocr.modeling.necks.rnn").ENCODERS)


@pytest.mark.usefixtures("completed")
@pytest.mark.parametrize("file", PADDLEOCR)
def test_a_config_of_paddleocr_takes_a_training_step(file):
    config = PADDLEOCR[file]
    model, loss = builder("model")(architecture(file)), builder("loss")(config["Loss"])
    optimizer, _ = builder("optimizer")(config["Optimizer"], 1200, 10, model)
    assert builder("metric")(config["Metric"]).main_indicator == config["Metric"]["main_indicator"]
    if config["Architecture"]["model_type"] == "det":
        batch = [random("image", 2, 3, 64, 64), *(paddle.tile(label, [1, 4, 4]) for label in det_case()[1])]
    elif config["Architecture"]["model_type"] == "rec":
        batch = [random("image", 3, 3, 32, 64), *rec_case()[1][1:]]
    else:
        batch = [random("image", 4, 3, 48, 192), paddle.to_tensor([0, 1, 1, 0])]
    value = loss(model(paddle.to_tensor(batch[0])), batch)["loss"]
    value.backward()
    assert value.isfinite()
    assert [name for name, p in model.named_parameters() if p.trainable and p.grad is None] == []
    optimizer.step()


@pytest.mark.checkout
@pytest.mark.parametrize("file", PADDLEOCR)
def test_the_sections_of_the_table_are_those_of_the_file(checkout, file):
    config = yaml.safe_load((checkout / "configs" / file).read_text(encoding="utf-8"))
    assert {name: config[name] for name in PADDLEOCR[file]} == PADDLEOCR[file]
