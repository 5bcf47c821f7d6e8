"""The configs for a clone train, evaluate and export, on a few real pictures, from random and from official weights."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from ppocrv2_ext.checkpoints import published
from ppocrv2_ext.checkpoints.pdparams import read_arrays
from ppocrv2_ext.config import yaml_files
from ppocrv2_ext.deploy.read import read_lines
from ppocrv2_ext.errors import UserError

TINY = "clone/PP-OCRv6_tiny_rec_finetune"
CLONE_CONFIGS = [name for name in yaml_files.built_in() if name.startswith("clone/")]
WORD = "test/word_2.png\tyourself\n"


@pytest.fixture
def words(samples):
    """Options that train one step an epoch on six words, at a width that PaddleOCR's backbone is not made for."""
    folder = samples / "icdar2015_words"
    sections = [
        f"{mode}.dataset.data_dir={folder} {mode}.dataset.label_file_list=[{folder}/test.txt]"
        f" {mode}.dataset.transforms.{resize}.image_shape=[3,48,160] {mode}.loader.num_workers=0"
        for mode, resize in (("Train", "TextLineResize"), ("Eval", "RecResizeImg"))
    ]
    return [
        *" ".join(sections).split(), "Train.loader.batch_size_per_card=6", "Global.use_gpu=false",
        "Global.pretrained_model=", "Global.eval_batch_step=[0,2]", "Global.save_model_dir=out",
    ]  # fmt: skip


def test_on_the_wheel_one_sentence_says_that_a_training_needs_a_clone(ppocrv2_here, words):
    trained = ppocrv2_here("train", "-c", TINY, "-o", *words)
    assert trained.returncode == 2
    assert trained.stderr.count("\n") == 1
    assert re.search("needs a clone of PaddleOCR", trained.stderr)


def test_on_the_wheel_one_sentence_says_that_the_weights_need_a_clone(ppocrv2_here, tmp_path):
    written = ppocrv2_here("weights", "rec", "--model", "v6-tiny", "--output", "pretrain")
    assert written.returncode == 2
    assert written.stderr.count("\n") == 1
    assert written.stderr.startswith("ppocrv2: --model v6-tiny: its network needs a clone of PaddleOCR")
    assert not (tmp_path / "pretrain").exists()


@pytest.mark.checkout
def test_another_width_is_refused_with_what_to_set(ppocrv2, checkout, words):
    trained = ppocrv2("train", "-c", TINY, "-o", *words, "Architecture.frames_by_width=false", paddleocr=checkout)
    assert trained.returncode == 2
    assert "set `Architecture.frames_by_width: true`" in trained.stdout + trained.stderr


@pytest.mark.checkout
def test_widths_that_are_rounded_down_to_frames_train(ppocrv2, checkout, words):
    widths = [
        re.sub(r"(Resize\S*image_shape)=.*", rf"\1=[3,48,{300 if 'Train' in word else 320}]", word) for word in words
    ]
    trained = ppocrv2("train", "-c", TINY, "-o", *widths, "Global.epoch_num=1", paddleocr=checkout)
    assert trained.returncode == 0, trained.stdout + trained.stderr


@pytest.mark.checkout
@pytest.mark.parametrize(("allowed", "code"), [([], 2), (["Global.allow_no_gradient=[backbone]"], 0)])
def test_a_backbone_that_no_loss_reaches_is_refused_unless_it_is_allowed(ppocrv2, checkout, words, allowed, code):
    options = [*words, "Architecture.Neck.use_guide=true", "Global.epoch_num=1", *allowed]
    trained = ppocrv2("train", "-c", "clone/PP-OCRv4_mobile_rec_finetune", "-o", *options, paddleocr=checkout)
    said = trained.stdout + trained.stderr
    assert trained.returncode == code, said
    assert bool(re.search(r"no loss reaches the backbone: none of its \d+ trainable tensors", said)) == (code == 2)
    assert bool(re.search(r"(\d+) of the \1 trainable tensors of the backbone get no gradient", said)) == (code == 0)


@pytest.mark.checkout
def test_dropout_of_a_neck_is_named_where_statistics_are_frozen(ppocrv2, checkout, words):
    frozen = ["Architecture.restore_norm=false", "Architecture.freeze_norm=true"]
    options = [*words, *frozen, "Architecture.frames_by_width=true", "Global.epoch_num=1"]
    trained = ppocrv2("train", "-c", "clone/PP-OCRv6_small_rec_finetune", "-o", *options, paddleocr=checkout)
    assert trained.returncode == 0, trained.stderr
    assert trained.stdout.count("differ from those in evaluation") == 1
    assert "as these layers act in training alone: Dropout, 6 layers in the neck, p 0.1." in trained.stdout


@pytest.mark.checkout
def test_a_backbone_that_learns_from_the_other_branch_of_paddleocrs_recognizer_alone_is_named(ppocrv2, checkout, words):
    file = checkout / "configs" / "rec" / "PP-OCRv4" / "PP-OCRv4_mobile_rec.yml"
    options = [word for word in words if "TextLineResize" not in word]
    options += ["Train.sampler.scales=[[320,48]]", "Train.sampler.first_bs=6", "Global.epoch_num=1"]
    options += ["Eval.loader.batch_size_per_card=6"]
    trained = ppocrv2("train", "-c", file, "-o", *options, paddleocr=checkout)
    assert trained.returncode == 0, trained.stdout + trained.stderr
    assert (
        trained.stdout.count("the gradient of CTC does not reach the backbone, which learns from the other branch") == 1
    )


@pytest.mark.checkout
def test_a_text_of_more_letters_than_frames_of_8_pixels_is_left_out_with_the_width_to_set(
    ppocrv2, checkout, words, samples, tmp_path
):
    images = [line.split("\t")[0] for line in (samples / "icdar2015_words" / "test.txt").read_text().splitlines()[:2]]
    letters = "abcdefghijklmnopqrstuvwx"
    (tmp_path / "words.txt").write_text(f"{images[0]}\t{letters}\n{images[1]}\t{letters[:20]}\n")
    labels = f"Train.dataset.label_file_list=[{tmp_path}/words.txt]"
    checked = ppocrv2("check", "-c", TINY, "-o", *words, labels, paddleocr=checkout)
    assert checked.returncode == 1
    assert "Train: 1 of 2 lines" in checked.stdout
    assert (
        f"few-frames: in 1 of 2 lines the text needs more than the 20 frames that PPLCNetV4 makes of 160 pixels, up to"
        f" 24 for '{letters}'; set the width in TextLineResize.image_shape to 192."
    ) in checked.stdout
    wide = [*words, labels, "Train.dataset.transforms.TextLineResize.image_shape=[3,48,192]"]
    assert "Train: 2 of 2 lines" in ppocrv2("check", "-c", TINY, "-o", *wide, paddleocr=checkout).stdout


@pytest.mark.checkout
def test_a_merged_network_trains_with_batch_norm_at_another_width_and_is_exported(ppocrv2, checkout, words, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    options = ["Architecture.restore_norm=true", "Architecture.freeze_norm=false", "Architecture.frames_by_width=true"]
    options.append("Train.loader.num_workers=2")  # they persist
    trained = ppocrv2("train", "-c", TINY, "-o", *words, *options, "Global.epoch_num=1", paddleocr=checkout)
    assert trained.returncode == 0, trained.stderr
    events = [json.loads(line) for line in (tmp_path / "out" / "history.jsonl").read_text().splitlines()]
    assert {event["epoch"] for event in events if "epoch" in event} == {1}
    weights = "Global.pretrained_model=out/latest"
    evaluated = ppocrv2("eval", "-c", "out/resolved.yml", "-o", weights, paddleocr=checkout)
    assert re.search(r"(\d+) of the model's \1 tensors matched", evaluated.stdout + evaluated.stderr)
    export = ["export", "-c", "out/resolved.yml", "-o", weights, "--onnx", "--output", "model"]
    exported = ppocrv2(*export, paddleocr=checkout)
    assert exported.returncode == 0, exported.stderr
    assert (tmp_path / "model" / "inference.onnx").is_file()

    # Averaged with a copy of itself, it is merged again and computes the same.
    shutil.copy(tmp_path / "out" / "latest.pdparams", tmp_path / "copy.pdparams")
    averaged = ppocrv2("average", "out/latest", "copy", "--shares", "0.4,0.6", "--output", "mean")
    assert averaged.returncode == 0, averaged.stderr
    assert not any(".norm." in name for name in read_arrays(tmp_path / "mean"))
    export[4:] = ["Global.pretrained_model=mean", "--onnx", "--output", "merged"]
    exported = ppocrv2(*export, paddleocr=checkout)
    assert exported.returncode == 0, exported.stderr
    image = np.random.default_rng(0).uniform(-1, 1, (1, 3, 48, 160)).astype("float32")
    expected, got = (
        onnxruntime.InferenceSession(str(tmp_path / folder / "inference.onnx")).run(None, {"x": image})[0]
        for folder in ("model", "merged")
    )
    np.testing.assert_allclose(got, expected, atol=1e-4)


@pytest.mark.checkout
def test_a_multi_head_trains_with_center_loss_and_is_exported_and_its_centers_are_written(
    ppocrv2, checkout, samples, tmp_path
):
    folder = samples / "icdar2015_words"
    sections = [
        f"{mode}.dataset.data_dir={folder} {mode}.dataset.label_file_list=[{folder}/test.txt]"
        f" {mode}.loader.num_workers=0 {mode}.loader.batch_size_per_card=16"
        for mode in ("Train", "Eval")
    ]
    options = [
        *" ".join(sections).split(), "Train.sampler.first_bs=16", "Train.sampler.scales=[[160,48]]",
        "Eval.dataset.transforms.RecResizeImg.image_shape=[3,48,160]", "Architecture.frames_by_width=true",
        "Architecture.Head.head_list=[{CenterCTCHead: {Neck: {name: reshape}, Head: {mid_channels: 16}}},"
        " {NRTRHead: {nrtr_dim: 32, num_decoder_layers: 1}}]",
        "Loss.loss_config_list=[{CTCCenterLoss: {center_weight: 0.5}}, {NRTRLoss: }]",
        "Global.use_gpu=false", "Global.epoch_num=1", "Global.print_batch_step=1", "Global.save_model_dir=out",
        "Global.eval_batch_step=[0,2]", "Global.character_dict_path=ppocr/utils/en_dict.txt",
    ]  # fmt: skip
    stock = checkout / "configs" / "rec" / "PP-OCRv6" / "PP-OCRv6_tiny_rec.yml"

    def run(command, *arguments):
        done = ppocrv2(command, "-c", *arguments, paddleocr=checkout)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    log = run("train", stock, "-o", *options)
    terms = r"loss: \S+, ctc: \S+, center: \S+, infeasible: \S+, NRTRLoss: "
    assert re.findall(rf"global_step: (\d), .*{terms}", log) == ["1", "2"]
    counts = read_arrays(tmp_path / "out" / "latest")["head.ctc_head.center_counts"]
    assert counts[0] == 0 < counts.sum()

    weights = "Global.pretrained_model=out/best_accuracy"  # which says that the network was evaluated
    exported = run("export", "out/resolved.yml", "-o", weights, "--onnx", "--output", "model")
    assert re.search(r"(\d+) of the model's \1 tensors matched", exported)
    written = run("centers", "out/resolved.yml", "-o", weights, "--output", "centers.npz")
    assert "-o Architecture.Head.head_list.0.CenterCTCHead.Head.centers=centers.npz" in written


@pytest.fixture
def official(ppocrv2, checkout, tmp_path):
    """Write the official weights that a config starts from, and return the options that name them.

    A teacher that comes from a fine-tune has the official weights that the fine-tune starts from.
    """

    def write(name):
        config = yaml_files.read(yaml_files.locate(name))
        starts = {"Global.pretrained_model": config["Global"]["pretrained_model"]}
        for member, network in config["Architecture"].get("Models", {}).items():
            starts[f"Architecture.Models.{member}.pretrained"] = network["pretrained"]
        options = []
        for key, start in starts.items():
            if start is None:
                continue
            parts = {part.removesuffix("_finetune") for part in Path(start).parts}
            ((kind, version),) = (each for each, model in published.PUBLISHED.items() if model.checkpoint in parts)
            model = published.find(kind, version)
            file = tmp_path / "pretrain" / model.checkpoint
            if not file.with_suffix(".pdparams").exists():
                try:
                    source = published.locate(model)
                except UserError as error:
                    pytest.skip(str(error))
                command = ["weights", kind, "--model", version, "--from", source, "--output", "pretrain"]
                written = ppocrv2(*command, paddleocr=checkout)
                assert written.returncode == 0, written.stderr
            options.append(f"{key}={file}")
        return options

    return write


@pytest.fixture
def two_steps(samples, tmp_path):
    """Options for two steps on a few small pictures at a rate that changes nothing, and one evaluation."""

    def options(name):
        kind = "rec" if "_rec_" in name else "det"
        folder = samples / ("icdar2015_words" if kind == "rec" else "icdar2015_scenes")
        lines = (folder / "test.txt").read_text(encoding="utf-8").splitlines(keepends=True)
        count = 4 if kind == "rec" else 1
        chosen = [WORD, *(line for line in lines if line != WORD)] if kind == "rec" else lines
        (tmp_path / "train.txt").write_text("".join(chosen[: 2 * count]), encoding="utf-8")
        (tmp_path / "val.txt").write_text(chosen[0], encoding="utf-8")
        small = {
            "rec": ["Train.dataset.transforms.TextLineResize.image_shape=[3,48,160]",
                    "Eval.dataset.transforms.RecResizeImg.image_shape=[3,48,160]"],
            "det": ["Train.dataset.transforms.RandomSceneWindow.size=[160,160]",
                    "Eval.dataset.transforms.DetResizeForTest={limit_side_len: 160, limit_type: max}"],
        }  # fmt: skip
        data = [
            f"{mode}.{option}"
            for mode, file in (("Train", "train"), ("Eval", "val"))
            for option in (
                f"dataset.data_dir={folder}", f"dataset.label_file_list=[{tmp_path}/{file}.txt]", "loader.num_workers=0"
            )
        ]  # fmt: skip
        return [
            *data, *small[kind], f"Train.loader.batch_size_per_card={count}", "Optimizer.lr.learning_rate=1e-6",
            "Global.use_gpu=false", "Global.epoch_num=1", "Global.eval_batch_step=[0,2]",
            "Global.save_model_dir=out",
        ]  # fmt: skip

    return options


@pytest.mark.slow
@pytest.mark.checkout
@pytest.mark.parametrize("name", CLONE_CONFIGS)
def test_a_clone_config_trains_from_the_official_weights_and_is_exported_and_read_with(
    ppocrv2, checkout, official, two_steps, samples, tmp_path, name
):
    pytest.importorskip("paddle2onnx")
    trained = ppocrv2("train", "-c", name, "-o", *two_steps(name), *official(name), paddleocr=checkout)
    assert trained.returncode == 0, trained.stdout + trained.stderr
    events = [json.loads(line) for line in (tmp_path / "out" / "history.jsonl").read_text().splitlines()]
    assert max(event["step"] for event in events if "step" in event) == 2
    weights = "Global.pretrained_model=out/latest"
    export = ["export", "-c", "out/resolved.yml", "-o", weights, "--onnx", "--output", "model"]
    exported = ppocrv2(*export, paddleocr=checkout)
    assert exported.returncode == 0, exported.stdout + exported.stderr
    assert "largest difference from Paddle" in exported.stdout
    if "_rec_" in name:  # BatchNorm with the statistics of eight pictures may read nothing, in both engines alike
        word = samples / "icdar2015_words" / WORD.split("\t")[0]
        readings = [next(read_lines([word], tmp_path / "model", engine)) for engine in ("onnxruntime", "paddle")]
        assert readings[0].problem is None
        assert readings[0].text == readings[1].text
