"""Collaborative mutual learning through PaddleOCR's own trainer, on real scenes."""

import re

import paddle
import pytest

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.distillation import perturb

CML = "det/ch_PP-OCRv2_det_cml"


@pytest.fixture
def scenes(short_training):
    """Overrides for two real scenes cut to 96 x 96, two steps on them, and a teacher without weights."""
    return [
        *short_training("icdar2015_scenes", 2),
        "Train.dataset.transforms.EastRandomCropData.size=[96,96]",
        "Eval.dataset.transforms.DetResizeForTest.limit_side_len=96",
        "Eval.dataset.transforms.DetResizeForTest.limit_type=max",
        "Architecture.Models.Teacher.pretrained=",
    ]


def model(wheel, **teacher):
    from ppocr.modeling.architectures import build_model

    from ppocrv2_ext import config

    architecture = config.read(config.locate(CML))["Architecture"]
    architecture["Models"]["Teacher"].update({"pretrained": None, **teacher})
    return build_model(architecture)


def test_the_networks_have_the_published_sizes(wheel):
    networks = model(wheel)
    sizes = {name: sum(p.size for p in getattr(networks, name).parameters()) for name in networks.model_name_list}
    assert sizes == {"Teacher": 12_374_754, "Student": 595_794, "Student2": 595_794}


def test_a_missing_teacher_file_stops_training_and_not_evaluation(wheel):
    networks = model(wheel, pretrained="nowhere/best")
    images = paddle.zeros([1, 3, 32, 32])
    networks.eval()
    assert set(networks(images)) == {"Teacher", "Student", "Student2"}
    networks.train()
    with pytest.raises(UserError, match=r"Models.Teacher.pretrained: there is no file nowhere/best.pdparams"):
        networks(images)
    networks.set_state_dict(networks.state_dict())
    networks(images)


def test_two_students_with_the_same_weights_are_refused_at_the_first_step(wheel):
    networks = model(wheel)
    networks.Student2.set_state_dict(networks.Student.state_dict())
    images = paddle.zeros([1, 3, 32, 32])
    networks.eval()
    networks(images)
    networks.train()
    with pytest.raises(
        UserError,
        match=r"hold the same weights.*set Architecture.Models.Student2.perturbation.* the teacher of CMLLoss",
    ):
        networks(images)
    perturb(networks.Student2, 0.02)
    networks(images)


def test_a_teacher_that_is_not_frozen_may_be_the_first_of_two_equal_networks(wheel):
    from ppocr.modeling.architectures import build_model

    from ppocrv2_ext import config

    architecture = config.read(config.locate(CML))["Architecture"]
    student = {**architecture["Models"]["Student"], "pretrained": None}
    networks = build_model({**architecture, "Models": {"Teacher": student, "Student": student}})
    networks.Student.set_state_dict(networks.Teacher.state_dict())
    networks.train()
    with pytest.raises(UserError, match=r"if one of them is the teacher of CMLLoss, `freeze_params: true` in its sec"):
        networks(paddle.zeros([1, 3, 32, 32]))


@pytest.mark.parametrize("on_checkout", [False, pytest.param(True, marks=pytest.mark.checkout)])
def test_training_logs_every_term_and_leaves_the_teacher_bit_equal(
    ppocrv2_here, scenes, tmp_path, wheel, on_checkout, request
):
    host = request.getfixturevalue("checkout") if on_checkout else None
    teacher = model(wheel).Teacher
    paddle.save(teacher.state_dict(), str(tmp_path / "teacher.pdparams"))
    trained = ppocrv2_here(
        "train", "-c", CML, "-o", *scenes, "Architecture.Models.Teacher.pretrained=teacher", paddleocr=host
    )
    log = trained.stdout + trained.stderr
    assert trained.returncode == 0, log
    terms = ["gt_Student", "gt_Student2", "mutual_Student_Student2", "distill_Student", "distill_Student2", "loss"]
    for term in terms:
        assert len(re.findall(rf"global_step: \d+, .*\b{term}: [0-9.]+", log)) == 2, term
    assert re.search(r"cur metric, .*Student2_hmean", log)
    after = paddle.load(str(tmp_path / "out" / "latest.pdparams"))
    for name, value in teacher.state_dict().items():
        assert (after[f"Teacher.{name}"].numpy() == value.numpy()).all(), name


@pytest.mark.parametrize("config", ["det/ch_PP-OCRv2_det_student", "det/ch_PP-OCRv2_det_dml"])
def test_the_other_detectors_train_on_real_scenes(ppocrv2_here, scenes, config):
    trained = ppocrv2_here("train", "-c", config, "-o", *(option for option in scenes if "Teacher" not in option))
    log = trained.stdout + trained.stderr
    assert trained.returncode == 0, log
    assert len(re.findall(r"global_step: \d+, .*\bloss: [0-9.]+", log)) == 2
