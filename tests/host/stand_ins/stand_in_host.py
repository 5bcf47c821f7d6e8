"""The completed wheel: its ``ppocr`` with ``host/stand_ins`` in place; and what to compare two PaddleOCRs by.

:func:`measure` runs on the completed wheel in the test process and, for parity, on a clone of PaddleOCR in a process of
its own, since a process has room for one ``ppocr``: ``python stand_in_host.py OUT.npz`` with the clone on PYTHONPATH.
"""

import copy
import importlib
import sys
import zlib
from importlib import metadata
from pathlib import Path

import numpy as np
import paddle
import pytest

STAND_INS = Path(__file__).resolve().parents[3] / "ppocrv2_ext" / "host" / "stand_ins"
PACKAGES = {
    "model": "modeling.architectures",
    "backbone": "modeling.backbones",
    "neck": "modeling.necks",
    "head": "modeling.heads",
    "loss": "losses",
    "metric": "metrics",
    "optimizer": "optimizer",
}
CLASSES = 11
ADAM = {"name": "Adam", "beta1": 0.9, "beta2": 0.999}
DB_LOSS = {
    "name": "DBLoss",
    "balance_loss": True,
    "main_loss_type": "DiceLoss",
    "alpha": 5,
    "beta": 10,
    "ohem_ratio": 3,
}
# Sections of PaddleOCR's configs that run on the completed wheel, by their path below configs/ of a clone.
PADDLEOCR = {
    "det/ch_PP-OCRv2/ch_PP-OCRv2_det_student.yml": {
        "Architecture": {
            "model_type": "det",
            "algorithm": "DB",
            "Transform": None,
            "Backbone": {"name": "MobileNetV3", "scale": 0.5, "model_name": "large", "disable_se": True},
            "Neck": {"name": "DBFPN", "out_channels": 96},
            "Head": {"name": "DBHead", "k": 50},
        },
        "Loss": DB_LOSS,
        "Optimizer": {
            **ADAM,
            "lr": {"name": "Cosine", "learning_rate": 0.001, "warmup_epoch": 2},
            "regularizer": {"name": "L2", "factor": 0},
        },
        "Metric": {"name": "DetMetric", "main_indicator": "hmean"},
    },
    "det/det_mv3_db.yml": {
        "Architecture": {
            "model_type": "det",
            "algorithm": "DB",
            "Transform": None,
            "Backbone": {"name": "MobileNetV3", "scale": 0.5, "model_name": "large"},
            "Neck": {"name": "DBFPN", "out_channels": 256},
            "Head": {"name": "DBHead", "k": 50},
        },
        "Loss": DB_LOSS,
        "Optimizer": {**ADAM, "lr": {"learning_rate": 0.001}, "regularizer": {"name": "L2", "factor": 0}},
        "Metric": {"name": "DetMetric", "main_indicator": "hmean"},
    },
    "det/det_r50_vd_db.yml": {
        "Architecture": {
            "model_type": "det",
            "algorithm": "DB",
            "Transform": None,
            "Backbone": {"name": "ResNet_vd", "layers": 50},
            "Neck": {"name": "DBFPN", "out_channels": 256},
            "Head": {"name": "DBHead", "k": 50},
        },
        "Loss": DB_LOSS,
        "Optimizer": {**ADAM, "lr": {"learning_rate": 0.001}, "regularizer": {"name": "L2", "factor": 0}},
        "Metric": {"name": "DetMetric", "main_indicator": "hmean"},
    },
    "rec/ch_PP-OCRv2/ch_PP-OCRv2_rec.yml": {
        "Architecture": {
            "model_type": "rec",
            "algorithm": "CRNN",
            "Transform": None,
            "Backbone": {"name": "MobileNetV1Enhance", "scale": 0.5},
            "Neck": {"name": "SequenceEncoder", "encoder_type": "rnn", "hidden_size": 64},
            "Head": {"name": "CTCHead", "mid_channels": 96, "fc_decay": 2e-5},
        },
        "Loss": {"name": "CTCLoss"},
        "Optimizer": {
            **ADAM,
            "lr": {"name": "Piecewise", "decay_epochs": [700], "values": [0.001, 0.0001], "warmup_epoch": 5},
            "regularizer": {"name": "L2", "factor": 2e-5},
        },
        "Metric": {"name": "RecMetric", "main_indicator": "acc"},
    },
    "rec/ch_ppocr_v2.0/rec_chinese_lite_train_v2.0.yml": {
        "Architecture": {
            "model_type": "rec",
            "algorithm": "CRNN",
            "Transform": None,
            "Backbone": {"name": "MobileNetV3", "scale": 0.5, "model_name": "small", "small_stride": [1, 2, 2, 2]},
            "Neck": {"name": "SequenceEncoder", "encoder_type": "rnn", "hidden_size": 48},
            "Head": {"name": "CTCHead", "fc_decay": 1e-5},
        },
        "Loss": {"name": "CTCLoss"},
        "Optimizer": {
            **ADAM,
            "lr": {"name": "Cosine", "learning_rate": 0.001, "warmup_epoch": 5},
            "regularizer": {"name": "L2", "factor": 1e-5},
        },
        "Metric": {"name": "RecMetric", "main_indicator": "acc"},
    },
    "rec/rec_mv3_none_none_ctc.yml": {
        "Architecture": {
            "model_type": "rec",
            "algorithm": "Rosetta",
            "Transform": None,
            "Backbone": {"name": "MobileNetV3", "scale": 0.5, "model_name": "large"},
            "Neck": {"name": "SequenceEncoder", "encoder_type": "reshape"},
            "Head": {"name": "CTCHead", "fc_decay": 0.0004},
        },
        "Loss": {"name": "CTCLoss"},
        "Optimizer": {**ADAM, "lr": {"learning_rate": 0.0005}, "regularizer": {"name": "L2", "factor": 0}},
        "Metric": {"name": "RecMetric", "main_indicator": "acc"},
    },
    "cls/cls_mv3.yml": {
        "Architecture": {
            "model_type": "cls",
            "algorithm": "CLS",
            "Transform": None,
            "Backbone": {"name": "MobileNetV3", "scale": 0.35, "model_name": "small"},
            "Neck": None,
            "Head": {"name": "ClsHead", "class_dim": 2},
        },
        "Loss": {"name": "ClsLoss"},
        "Optimizer": {
            **ADAM,
            "lr": {"name": "Cosine", "learning_rate": 0.001},
            "regularizer": {"name": "L2", "factor": 0},
        },
        "Metric": {"name": "ClsMetric", "main_indicator": "acc"},
    },
}


def changed(config, **sections):
    """A copy of a config with keys of its sections replaced: ``changed(REC, Head={"mid_channels": None})``."""
    config = copy.deepcopy(config)
    for section, keys in sections.items():
        config[section].update(keys)
    return config


def architecture(file):
    """The ``Architecture`` section of a config of PaddleOCR; a recognizer has :data:`CLASSES` classes."""
    config = PADDLEOCR[file]["Architecture"]
    return changed(config, Head={"out_channels": CLASSES}) if config["model_type"] == "rec" else config


STUDENT = architecture("det/ch_PP-OCRv2/ch_PP-OCRv2_det_student.yml")
MV3_DET = architecture("det/det_mv3_db.yml")
RESNET50_DET = architecture("det/det_r50_vd_db.yml")
TEACHER = changed(RESNET50_DET, Backbone={"layers": 18})  # configs/det/ch_PP-OCRv2_det_teacher.yml
REC = architecture("rec/ch_PP-OCRv2/ch_PP-OCRv2_rec.yml")
REC_SMALL = architecture("rec/ch_ppocr_v2.0/rec_chinese_lite_train_v2.0.yml")
REC_LARGE = architecture("rec/rec_mv3_none_none_ctc.yml")
CLS = architecture("cls/cls_mv3.yml")
# (config, shape of an image)
NETWORKS = {
    "rec": (REC, (3, 32, 64)),
    "rec_small": (REC_SMALL, (3, 32, 64)),
    "rec_large": (REC_LARGE, (3, 32, 64)),
    "cls": (CLS, (3, 48, 64)),
    "student": (STUDENT, (3, 64, 64)),
    "mv3_det": (MV3_DET, (3, 64, 64)),
    "teacher": (TEACHER, (3, 32, 64)),
    "resnet50_det": (RESNET50_DET, (3, 32, 64)),
}
EPOCHS, STEPS = 3, 5
SCHEDULES = {
    "const": {"learning_rate": 0.1},
    "const_warm": {"name": "Const", "learning_rate": 0.1, "warmup_epoch": 1},
    "cosine": {"name": "Cosine", "learning_rate": 0.001},
    "cosine_warm": {"name": "Cosine", "learning_rate": 0.001, "warmup_epoch": 0.5},
    "piecewise": {"name": "Piecewise", "decay_epochs": [1, 2], "values": [0.1, 0.01, 0.001]},
    "piecewise_warm": {"name": "Piecewise", "decay_epochs": [2], "values": [0.1, 0.01], "warmup_epoch": 1},
}
OPTIMIZERS = {
    "Adam": {**ADAM, "regularizer": {"name": "L2", "factor": 0.02}},
    "Adam_epsilon": {"name": "Adam", "epsilon": 1.0, "weight_decay": 0.01},
    "AdamW": {"name": "AdamW", "one_dim_param_no_weight_decay": True},
    "Adam_clipped": {"name": "Adam", "epsilon": 1.0, "clip_norm": 0.01, "regularizer": {"name": "L2", "factor": 0.02}},
    "AdamW_clipped": {"name": "AdamW", "clip_norm_global": 0.01},
}
LOSSES = {
    "DBLoss": DB_LOSS,
    "DBLoss_weights": {"name": "DBLoss", "alpha": 2, "beta": 3},
    "CTCLoss": {"name": "CTCLoss"},
    "CombinedLoss": {
        "name": "CombinedLoss",
        "loss_config_list": [{"CTCLoss": {"weight": 2.0}}, {"CTCLoss": {"weight": 0.5}}],
    },
    "ClsLoss": {"name": "ClsLoss"},
}


@pytest.fixture(scope="module")
def completed():
    """``import_module`` for the completed wheel's ``ppocr``; whatever ``ppocr`` was imported before comes back."""
    try:
        root = str(metadata.distribution("paddleocr").locate_file("paddleocr"))
    except metadata.PackageNotFoundError:
        pytest.skip("the paddleocr wheel is not installed")
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] in ("ppocr", "tools")}
    sys.path.insert(0, root)
    importlib.import_module("ppocr").__path__.append(str(STAND_INS))
    yield importlib.import_module
    sys.path.remove(root)
    for name in [name for name in sys.modules if name.split(".")[0] in ("ppocr", "tools")]:
        del sys.modules[name]
    sys.modules.update(before)


def builder(name):
    """A builder of the ``ppocr`` in this process, such as ``build_model`` for ``name`` "model"."""
    return getattr(importlib.import_module(f"ppocr.{PACKAGES[name]}"), f"build_{name}")


def random(key, *shape):
    """Normal float32 values that depend on nothing but ``key`` and the shape."""
    return np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape, dtype="float32")


def seed_weights(model):
    """Give every tensor of a model's state a value that depends on its name; activations neither vanish nor explode."""
    for key, tensor in model.state_dict().items():
        if "lstm." in key and ".cell_" in key:
            continue  # the same tensors under their second name
        value = random(key, *tensor.shape)
        if key.endswith("_variance"):
            value = 0.5 + np.abs(value)
        elif value.ndim > 1:
            value = value / np.sqrt(value[0].size)
        tensor.set_value(value.astype("float32"))


def names_of(model):
    """Structured name, shape and Paddle's own name of every tensor: what .pdparams and .pdopt are keyed by."""
    return [f"{key} {tuple(tensor.shape)} {tensor.name}" for key, tensor in model.state_dict().items()]


def fingerprint(model):
    """(N, 2): sum and sum of squares of every tensor of the state."""
    values = [tensor.numpy() for tensor in model.state_dict().values()]
    return np.array([[value.sum(dtype="float64"), (value**2).sum(dtype="float64")] for value in values])


def network_measures(name):
    config, image_shape = NETWORKS[name]
    with paddle.utils.unique_name.guard():
        paddle.seed(3)
        model = builder("model")(config)
    measures = {"names": np.array(names_of(model)), "initial": fingerprint(model)}
    seed_weights(model)
    image = paddle.to_tensor(random("image", 2, *image_shape))
    for mode in ("train", "eval"):
        getattr(model, mode)()
        output = model(image)
        measures[mode] = (output["maps"] if isinstance(output, dict) else output).numpy()
    model.return_all_feats = True
    measures["eval_features"] = np.array(sorted(model(image)))
    model.train()
    measures["train_features"] = np.array(sorted(model(image)))
    return measures


def det_case(text=True):
    """(predictions, labels) of the DB loss for two 16 x 16 images, with or without text."""
    maps = 1 / (1 + np.exp(-random("maps", 2, 3, 16, 16)))
    threshold = 0.3 + 0.4 * (random("threshold", 2, 16, 16) > 0)
    masks = [(random(key, 2, 16, 16) > -1).astype("float32") for key in ("threshold mask", "shrink mask")]
    shrink = (random("shrink", 2, 16, 16) > 0.8).astype("float32") * text
    labels = [None, threshold.astype("float32"), masks[0], shrink.astype("float32"), masks[1]]
    return {"maps": paddle.to_tensor(maps, stop_gradient=False)}, [paddle.to_tensor(x) for x in labels if x is not None]


def rec_case():
    """(logits, batch) of three lines, twelve positions, :data:`CLASSES` classes."""
    labels, lengths = np.array([[1, 2, 2, 3], [4, 5, 0, 0], [6, 0, 0, 0]]), np.array([4, 2, 1])
    logits = paddle.to_tensor(random("logits", 3, 12, CLASSES), stop_gradient=False)
    return logits, [None, paddle.to_tensor(labels), paddle.to_tensor(lengths)]


def loss_measures(name):
    loss = builder("loss")(LOSSES[name])
    if name.startswith("DBLoss"):
        predicts, labels = det_case()
        source, batch = predicts["maps"], [None, *labels]
    elif name == "ClsLoss":
        source = predicts = paddle.to_tensor(random("directions", 4, 2), stop_gradient=False)
        batch = [None, paddle.to_tensor([0, 1, 1, 0])]
    else:
        source, batch = rec_case()
        predicts = source
    value = loss(predicts, batch)["loss"]
    value.sum().backward()
    return {"value": np.array(float(value)), "gradient": source.grad.numpy()}


def schedule_measures(name):
    model = paddle.nn.Linear(2, 2)
    config = {"name": "Adam", "lr": SCHEDULES[name]}
    optimizer, schedule = builder("optimizer")(config, EPOCHS, STEPS, model)[:2]
    rates = []
    for _ in range(EPOCHS * STEPS):
        rates.append(optimizer.get_lr())
        if not isinstance(schedule, float):
            schedule.step()
    return {"rates": np.array(rates)}


def optimizer_measures(name):
    """The weights after three steps of a head with a regularizer of its own."""
    head = {**REC["Head"], "mid_channels": 5, "fc_decay": 0.1, "in_channels": 6}
    frozen = paddle.nn.Linear(6, 6)
    for parameter in frozen.parameters():
        parameter.trainable = False
    model = paddle.nn.LayerDict({"frozen": frozen, "head": builder("head")(head)})
    seed_weights(model)
    optimizer = builder("optimizer")({**OPTIMIZERS[name], "lr": SCHEDULES["cosine"]}, EPOCHS, STEPS, model)[0]
    for _ in range(3):
        x = paddle.to_tensor(random("sequence", 2, 4, 6))
        model["head"](model["frozen"](x)).square().mean().backward()
        optimizer.step()
        optimizer.clear_grad()
    return {key: tensor.numpy() for key, tensor in model.state_dict().items()}


def quadrangles(key, count):
    """Quadrangles in a 60 x 60 field, some of which cross themselves or overlap others."""
    rng = np.random.RandomState(zlib.crc32(key.encode()))
    corners = np.array([[0, 0], [12, 0], [12, 8], [0, 8]], dtype="float64")
    shapes = rng.randint(0, 48, (count, 1, 2)) + corners + rng.normal(0, 1.5, (count, 4, 2))
    shapes[::7] = shapes[::7][:, [0, 2, 1, 3]]
    return shapes.astype("float32")


def metric_measures():
    rng = np.random.RandomState(5)
    texts = ["".join(rng.choice(list("abC 1é中"), rng.randint(0, 7))) for _ in range(40)]
    lines = ([(text, 0.5) for text in texts[:20]], [(text, 1.0) for text in texts[20:]])
    lines[0][:8] = [(text.lower(), 0.5) for text, _ in lines[1][:8]]
    measures = {}
    for name, options in {"rec": {}, "rec_spaces": {"ignore_space": False}}.items():
        metric = builder("metric")({"name": "RecMetric", "main_indicator": "acc", **options})
        metric(lines)
        measures[name] = metric.get_metric()
    metric = builder("metric")({"name": "ClsMetric", "main_indicator": "acc"})
    metric(([("0", 0.9), ("180", 0.8), ("0", 0.7)], [("0", 1.0), ("0", 1.0), ("0", 1.0)]))
    measures["cls"] = metric.get_metric()
    regions = [quadrangles(f"regions {i}", 30) for i in range(6)]
    found = [np.concatenate([shapes[:20] + 1, quadrangles(f"found {i}", 20)]) for i, shapes in enumerate(regions)]
    ignore = [np.arange(30) % 5 == 0 for _ in regions]
    batch = [None, None, regions, ignore]
    metric = builder("metric")({"name": "DetMetric", "main_indicator": "hmean"})
    metric([{"points": points} for points in found], batch)
    measures["det"] = metric.get_metric()
    return {f"{name}.{key}": np.array(value) for name, values in measures.items() for key, value in values.items()}


def measure():
    """Everything that two hosts must agree on, as {"kind/name/what": array}."""
    found = {f"metrics/all/{key}": value for key, value in metric_measures().items()}
    for kind, names, of in (
        ("networks", NETWORKS, network_measures),
        ("losses", LOSSES, loss_measures),
        ("schedules", SCHEDULES, schedule_measures),
        ("optimizers", OPTIMIZERS, optimizer_measures),
    ):
        for name in names:
            found.update({f"{kind}/{name}/{what}": value for what, value in of(name).items()})
    return found


if __name__ == "__main__":
    np.savez(sys.argv[1], **measure())
