"""Switches without an effect, where Copy-Paste must stand among the transforms, and the NumPy that the crop needs."""

import pytest

from ppocrv2_ext import config
from ppocrv2_ext.commands.requirements import require_numpy
from ppocrv2_ext.config.resolve import resolve, with_copy_paste_index
from ppocrv2_ext.errors import UserError

AMP = "Global.use_amp has no effect on a CPU: everything is computed in float32."


@pytest.mark.parametrize(
    ("switches", "has_cuda", "expected"),
    [
        (["use_amp=true", "use_gpu=false"], True, [AMP]),
        (["use_amp=true", "use_gpu=true"], True, []),
        (["use_amp=true", "use_gpu=false", "use_npu=true"], True, []),
        (["use_amp=false", "use_gpu=false"], True, []),
        (["use_amp=true", "use_gpu=true"], False, ["Global.use_gpu is off", AMP]),
    ],
)
def test_mixed_precision_on_a_cpu_is_said_to_have_no_effect(wheel, monkeypatch, switches, has_cuda, expected):
    monkeypatch.setattr("paddle.is_compiled_with_cuda", lambda: has_cuda)
    read = config.read(config.locate("rec/ch_PP-OCRv2_rec_distillation"))
    _, notes = resolve(config.override(read, [f"Global.{switch}" for switch in switches]), wheel.root)
    assert len(notes) == len(expected)
    assert all(note.startswith(sentence) for note, sentence in zip(notes, expected))


def test_a_seed_or_a_norm_without_a_value_is_left_out(wheel):
    read = config.read(config.locate("rec/ch_PP-OCRv2_rec_distillation"))
    nulls = ["Global.seed=", "Optimizer.clip_norm=", "Optimizer.clip_norm_global="]
    config.vocabulary.check_settings(config.override(read, nulls))
    read["Global"].pop("seed", None)
    assert resolve(config.override(read, nulls), wheel.root) == resolve(read, wheel.root)
    assert resolve(config.override(read, ["Global.seed=0"]), wheel.root)[0]["Global"]["seed"] == 0


@pytest.mark.parametrize(("value", "expected"), [("", False), ("0", False), ("1", True), ("true", True)])
def test_a_flag_of_a_loader_is_true_or_false(wheel, value, expected):
    read = config.read(config.locate("rec/ch_PP-OCRv2_rec_distillation"))
    flags = [f"{mode}.loader.{key}" for mode in ("Train", "Eval") for key in ("shuffle", "drop_last")]
    read = config.override(read, [f"{flag}={value}" for flag in flags] + ["Train.dataset.ratio_list="])
    resolved, _ = resolve(read, wheel.root)
    assert [resolved[mode]["loader"][key] for mode, _, key in (flag.split(".") for flag in flags)] == [expected] * 4
    assert all(type(resolved[mode]["loader"]["shuffle"]) is bool for mode in ("Train", "Eval"))
    assert "ratio_list" not in resolved["Train"]["dataset"]


def transforms(*names, **dataset):
    listed = {"transforms": [{name: None} for name in names], **dataset}
    return {"Train": {"dataset": listed}, "Eval": {"dataset": {}}}


def test_paddleocr_is_told_where_copy_paste_stands():
    config_with_index = with_copy_paste_index(transforms("DecodeImage", "Flip", "DetLabelEncode", "TextCopyPaste"))
    assert config_with_index["Train"]["dataset"]["ext_op_transform_idx"] == 3
    without = transforms("DecodeImage", "DetLabelEncode")
    assert with_copy_paste_index(without) == without


@pytest.mark.parametrize(
    ("names", "dataset", "message"),
    [
        (["DecodeImage", "TextCopyPaste", "DetLabelEncode"], {}, "right after DetLabelEncode, .* from number 2"),
        (["DecodeImage", "DetLabelEncode", "IaaAugment", "TextCopyPaste"], {}, "from number 4"),
        (["DecodeImage", "TextCopyPaste"], {}, "right after DetLabelEncode, got DecodeImage"),
        (["DetLabelEncode", "TextCopyPaste", "TextCopyPaste"], {}, "must stand once"),
        (["DecodeImage", "DetLabelEncode", "TextCopyPaste"], {"ext_op_transform_idx": 3}, "must be 2, .* got 3"),
    ],
)
def test_copy_paste_where_it_cannot_work_is_refused(names, dataset, message):
    with pytest.raises(UserError, match=f"^Train.dataset.*{message}"):
        with_copy_paste_index(transforms(*names, **dataset))


def test_copy_paste_stands_where_it_works_in_the_built_in_configs():
    for name in config.built_in():
        with_copy_paste_index(config.read(config.locate(name)))


@pytest.mark.parametrize(("version", "refused"), [("2.3.5", False), ("2.4.0", True), ("3.0.0rc1", True)])
def test_a_numpy_that_breaks_the_crop_is_refused(monkeypatch, version, refused):
    monkeypatch.setattr("numpy.__version__", version)
    require_numpy(transforms("RecAug"))
    crop = transforms("EastRandomCropData")
    if not refused:
        require_numpy(crop)
        return
    with pytest.raises(UserError, match=r"numpy<2.4"):
        require_numpy(crop)
