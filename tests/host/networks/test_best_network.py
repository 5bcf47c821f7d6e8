"""Of several networks in one model, the best decides which checkpoint is kept and which network is exported."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import paddle
import pytest

from ppocrv2_ext import config
from ppocrv2_ext.checkpoints.pdparams import write_checkpoint
from ppocrv2_ext.checkpoints.states import read_best_metrics
from ppocrv2_ext.config.names import FORM_OPTIONS
from ppocrv2_ext.config.networks import best_network, single_network_config
from ppocrv2_ext.errors import UserError

PAIR = {"acc": 0.5, "Student_acc": 0.5, "Teacher_acc": 0.6}


def metric(wheel, **changes):
    from ppocr.metrics import build_metric

    settings = {"base_metric_name": "RecMetric", "main_indicator": "acc", "networks": ["Student", "Teacher"]}
    return build_metric({"name": "BestNetworkMetric", **settings, **changes})


def read(*texts):
    """What a decoder hands a metric: predictions of two lines whose labels are "a" and "b"."""
    return [(text, 1.0) for text in texts], [("a", 1.0), ("b", 1.0)]


def built_in(name):
    return config.read(config.locate(name))


# ---- the metric


def test_the_value_that_decides_is_that_of_the_better_network_first_or_second(wheel):
    for texts in (("a", "x"), ("a", "b")), (("a", "b"), ("a", "x")):
        found = metric(wheel)
        found({"Student": read(*texts[0]), "Teacher": read(*texts[1])}, None)
        values = found.get_metric()
        assert values["acc"] == pytest.approx(1.0, abs=1e-4)
        assert sorted([values["Student_acc"], values["Teacher_acc"]]) == pytest.approx([0.5, 1.0], abs=1e-4)


def test_a_network_that_does_not_compete_is_reported_but_does_not_decide(wheel):
    found = metric(wheel, networks=["Student"])
    found({"Student": read("a", "x"), "Teacher": read("a", "b")}, None)
    values = found.get_metric()
    assert (values["acc"], values["Teacher_acc"]) == pytest.approx((0.5, 1.0), abs=1e-4)


def test_values_start_anew_after_get_metric(wheel):
    found = metric(wheel)
    found({"Student": read("x", "x"), "Teacher": read("x", "x")}, None)
    found.get_metric()
    found({"Student": read("a", "b"), "Teacher": read("x", "x")}, None)
    assert found.get_metric()["acc"] == pytest.approx(1.0, abs=1e-4)


def test_a_network_without_predictions_is_refused_by_name(wheel):
    with pytest.raises(UserError, match=r"`Metric.networks`: nothing is decoded for 'Pupil'"):
        metric(wheel, networks=["Pupil"])({"Student": read("a", "b")}, None)


@pytest.mark.parametrize("networks", [[], "Student", [1]])
def test_networks_must_be_a_list_of_names(wheel, networks):
    with pytest.raises(UserError, match=r"`Metric.networks` must list"):
        metric(wheel, networks=networks)


# ---- which network is exported


def test_the_network_with_the_best_recorded_value_is_exported():
    name, why = best_network(built_in("rec/ch_PP-OCRv2_rec_distillation"), PAIR)
    assert name == "Teacher"
    assert "(Teacher 0.6000, Student 0.5000)" in why


def test_a_frozen_network_is_never_exported():
    recorded = {"Teacher_hmean": 0.9, "Student_hmean": 0.5, "Student2_hmean": 0.6}
    assert best_network(built_in("det/ch_PP-OCRv2_det_cml"), recorded)[0] == "Student2"


def test_of_networks_with_the_same_value_a_frozen_teacher_is_none_and_the_first_is_exported():
    recorded = {"hmean": 0.6, "Teacher_hmean": 0.6, "Student_hmean": 0.6, "Student2_hmean": 0.5}
    assert best_network(built_in("det/ch_PP-OCRv2_det_cml"), recorded)[0] == "Student"
    assert best_network(built_in("det/ch_PP-OCRv2_det_cml"), {**recorded, "Student2_hmean": 0.6})[0] == "Student"


@pytest.mark.parametrize(("student", "best"), [(0.7, "Student"), (0.6, "Student2")])
def test_a_value_without_a_name_is_that_of_the_network_that_paddleocrs_metric_names(student, best):
    cml = built_in("det/ch_PP-OCRv2_det_cml")
    settings = {**cml, "Metric": {"name": "DistillationMetric", "key": "Student", "main_indicator": "hmean"}}
    assert best_network(settings, {"hmean": student, "Student2_hmean": 0.65, "Teacher_hmean": 0.9})[0] == best


def test_without_recorded_values_the_first_trainable_network_is_exported_and_the_reason_given():
    name, why = best_network(built_in("det/ch_PP-OCRv2_det_cml"), {})
    assert name == "Student"
    assert "does not record hmean for each" in why


def test_a_checkpoint_without_a_states_file_records_nothing(tmp_path):
    assert read_best_metrics(tmp_path / "nothing") == {}


def test_the_config_of_a_single_network_is_that_of_its_plain_training():
    for pair, single in (
        ("rec/ch_PP-OCRv2_rec_distillation", "rec/ch_PP-OCRv2_rec"),
        ("det/ch_PP-OCRv2_det_cml", "det/ch_PP-OCRv2_det_student"),
    ):
        found, plain = single_network_config(built_in(pair), "Student"), built_in(single)
        assert found["Architecture"] == plain["Architecture"]
        assert found["PostProcess"] == plain["PostProcess"]


@pytest.mark.parametrize(
    "pair",
    [
        "clone/PP-OCRv6_tiny_rec_udml_center_finetune",
        "clone/PP-OCRv6_tiny_rec_udml_finetune",
        "clone/PP-OCRv6_tiny_det_cml_finetune",
        "clone/PP-OCRv5_mobile_rec_udml_center_finetune",
        "clone/PP-OCRv5_mobile_det_cml_finetune",
    ],
)
def test_the_config_of_a_single_network_keeps_what_decides_its_tensors(pair):
    members = built_in(pair)["Architecture"]["Models"]
    for name, member in members.items():
        found = single_network_config(built_in(pair), name)["Architecture"]
        assert {option: found.get(option) for option in FORM_OPTIONS} == {o: member.get(o) for o in FORM_OPTIONS}
        assert found["merged"]
        assert not {"freeze_params", "pretrained", "perturbation", "frames_by_width"} & set(found)


def test_an_unknown_network_is_refused_with_the_nearest_name():
    with pytest.raises(UserError, match=r"no such network in Architecture.Models; did you mean 'Student2'"):
        single_network_config(built_in("det/ch_PP-OCRv2_det_cml"), "Studnet2")


# ---- through the command


@pytest.mark.parametrize(
    ("name", "image"), [("rec/ch_PP-OCRv2_rec_udml_center", (3, 32, 64)), ("det/ch_PP-OCRv2_det_dml", (3, 64, 64))]
)
def test_the_exported_model_is_the_better_network_inside_the_trained_one(
    ppocrv2_here, wheel, tmp_path, name, image, either_host
):
    from ppocr.modeling.architectures import build_model

    from ppocrv2_ext.deploy.engine import load_paddle_engine

    settings = built_in(name)
    for member in settings["Architecture"]["Models"].values():
        if name.startswith("rec"):
            member["Head"]["out_channels"] = 97  # of en_dict.txt, with blank and space
    networks = build_model(settings["Architecture"])
    file = write_checkpoint(networks.state_dict(), tmp_path, "trained")
    best = settings["Metric"]["networks"][1]
    indicator = settings["Metric"]["main_indicator"]
    record = {f"{n}_{indicator}": 0.1 + 0.1 * (n == best) for n in settings["Metric"]["networks"]}
    file.with_suffix(".states").write_bytes(pickle.dumps({"best_model_dict": record}))
    overrides = ["Global.pretrained_model=trained", "Global.save_inference_dir=out", "Global.use_gpu=false"]
    overrides += ["Global.character_dict_path=ppocr/utils/en_dict.txt"] if name.startswith("rec") else []
    done = ppocrv2_here("export", "-c", name, "-o", *overrides, paddleocr=either_host)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Exporting {best}, the better" in done.stdout
    networks.eval()
    x = paddle.to_tensor(np.random.default_rng(0).random((1, *image), dtype=np.float32))
    with paddle.no_grad():
        expected = networks(x)[best]
    expected = expected["maps"] if name.startswith("det") else expected["head_out"]
    np.testing.assert_allclose(load_paddle_engine(tmp_path / "out")(x.numpy()), expected.numpy(), atol=1e-5)


@pytest.mark.checkout
def test_each_of_several_merged_networks_is_exported_as_it_was_trained(checkout, tmp_path):
    for package in ("onnx", "paddle2onnx", "onnxruntime"):
        pytest.importorskip(package)
    script = Path(__file__).with_name("pairs_on_a_clone.py")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    run = subprocess.run(
        [sys.executable, "-W", "ignore", str(script), str(checkout)],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    found = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    assert [each["network"] for each in found] == ["Student", "Teacher"] * 2 + ["Teacher", "Student", "Student2"]
    for each in found:
        assert each["difference"] < 1e-4 * each["spread"], each
