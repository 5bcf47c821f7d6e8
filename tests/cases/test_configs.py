"""Configs that people really had, or that were broken on purpose: each ends in a sentence that names the fault.

Each row stands for a kind of fault. Nothing here trains: a fault of the config is found before any picture is read.
"""

import json

import pytest
import yaml
from click.testing import CliRunner

from ppocrv2_ext import config
from ppocrv2_ext.cli import main

REC, DET, CLS = "rec/ch_PP-OCRv2_rec_finetune", "det/ch_PP-OCRv2_det_student", "cls/textline_orientation_lcnet"
DATA = {REC: "icdar2015_words", DET: "icdar2015_scenes", CLS: "icdar2015_words"}


@pytest.fixture
def on_samples(samples):
    """Overrides that let a built-in config read the pictures of the tests."""

    def overrides(name):
        folder = samples / DATA[name]
        return [
            *(f"{mode}.dataset.data_dir={folder}" for mode in ("Train", "Eval")),
            f"Train.dataset.label_file_list=[{folder / 'train.txt'}]",
            f"Eval.dataset.label_file_list=[{folder / 'test.txt'}]",
            *("Global.use_gpu=false", "Global.pretrained_model=", "Train.loader.batch_size_per_card=2"),
        ]

    return overrides


@pytest.fixture
def run(wheel, tmp_path, monkeypatch, on_samples):
    """Run a command on a config with overrides: ``run("check", REC, "Global.seed=1")``."""
    monkeypatch.chdir(tmp_path)

    def invoke(command, name, *assignments):
        more = on_samples(name) if name in DATA else []
        return CliRunner().invoke(
            main, [command, "-c", str(name), "-o", *more, "Global.save_model_dir=out", *assignments]
        )

    return invoke


def refused(result, *parts):
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert "samples in a row" not in result.output
    for part in parts:
        assert part in result.output


def test_the_configs_that_the_rows_change_are_fine_as_they_are(run):
    for name in DATA:
        result = run("check", name)
        assert result.exit_code in (0, 1), result.output
        assert "has no effect" not in result.output


VALUES = [
    # another type than the setting has
    (REC, 'Global.max_text_length="25"', "`Global.max_text_length` must be a whole number from 1 to 10000, got '25'"),
    (REC, "Global.max_text_length=1e9", "`Global.max_text_length` must be a whole number from 1 to 10000"),
    (REC, "Global.use_space_char='false'", "`Global.use_space_char` must be true or false, got 'false'"),
    (REC, "Global.epoch_num=[4]", "`Global.epoch_num` must be a whole number"),
    (REC, "Global.epoch_num=8.5", "`Global.epoch_num` must be a whole number"),
    (REC, "Global.save_model_dir={a: 1}", "`Global.save_model_dir` must be a path"),
    (REC, "Train.dataset.data_dir=[a, b]", "`Train.dataset.data_dir` must be the path of one folder, got ['a', 'b']"),
    (REC, "Train.dataset.label_file_list=[[a.txt]]", "`Train.dataset.label_file_list` must be a path or a list"),
    (REC, "Eval.dataset.label_file_list=[a.txt, {DecodeImage: null}]", "`Eval.dataset.label_file_list` must be"),
    (
        REC,
        "Train.dataset.transforms.RecResizeImg.image_shape=['3','32','320']",
        "image_shape` must be a list of values",
    ),
    (REC, "Train.dataset.transforms.RecResizeImg.image_shape=320", "image_shape` must be a list of values"),
    (REC, "Train.dataset.transforms.RecResizeImg.image_shape=[3,32,-1]", "image_shape` must be a list of values"),
    (REC, "Train.dataset.transforms.KeepKeys.keep_keys=image", "keep_keys` must be a list"),
    (REC, "Architecture.Backbone.scale=wide", "`Architecture.Backbone.scale` must be a number > 0"),
    (REC, "Architecture.Head.mid_channels=-8", "`Architecture.Head.mid_channels` must be a whole number from 1"),
    (REC, "Architecture.model_type=recc", "`Architecture.model_type` must be one of 'det', 'rec'"),
    (REC, "Optimizer.lr.learning_rate=fast", "`Optimizer.lr.learning_rate` must be a number > 0"),
    (REC, "Optimizer.regularizer.factor=x", "`Optimizer.regularizer.factor` must be a number"),
    (REC, "Train.loader.shuffle=sometimes", "`Train.loader.shuffle` must be true or false"),
    (DET, "Eval.dataset.transforms.DetResizeForTest.limit_side_len=big", "limit_side_len` must be a whole number"),
    (DET, "PostProcess.thresh=high", "`PostProcess.thresh` must be a number from 0 to 1, got 'high'"),
    (DET, "Eval.dataset.transforms.DetResizeForTest.limit_type=maximum", "limit_type` must be one of 'min', 'max'"),
    (CLS, "Train.dataset.transforms.RandomHalfTurn.p=2", "`p` must be a number from 0 to 1, got 2"),
    (REC, "Train.dataset.transforms.RecAug.tia_prob=1.5", "tia_prob` must be a number from 0 to 1, got 1.5"),
    # sizes that no machine has
    (REC, "Train.loader.num_workers=10000", "`Train.loader.num_workers` must be a whole number from 0 to 256"),
    (REC, "Train.dataset.transforms.RecResizeImg.image_shape=[3,32,1000000]", "each a whole number from 1 to 16384"),
    (
        REC,
        "Architecture.Neck.hidden_size=1000000",
        "`Architecture.Neck.hidden_size` must be a whole number from 1 to 4096",
    ),
    (REC, "Architecture.Head.mid_channels=10000000", "`Architecture.Head.mid_channels` must be"),
    (REC, "Architecture.Backbone.scale=1e6", "`Architecture.Backbone.scale` must be a number > 0 and <= 16"),
    (REC, "Global.epoch_num=1e300", "`Global.epoch_num` must be a whole number"),
    (REC, f"Global.epoch_num={10**30}", "a whole number of more than 64 bits cannot be used"),
    (REC, "Optimizer.lr.learning_rate=.nan", "nan is not a finite number"),
    (REC, "Optimizer.lr.learning_rate=.inf", "inf is not a finite number"),
    (REC, f"Global.save_model_dir={'x' * 300}", "`Global.save_model_dir` must be a path"),
]


@pytest.mark.parametrize(("name", "assignment", "message"), VALUES)
def test_a_value_of_another_type_or_size_is_refused_with_its_key_and_its_rule(run, name, assignment, message):
    refused(run("check", name, assignment), message)


BOTH = ("Train", "Eval")
MAPS = "threshold_map, threshold_mask, shrink_map, shrink_mask"
WITHOUT_MAPS = (
    "[{{DecodeImage: }}, {{DetLabelEncode: }}, {{ToCHWImage: }}, {{KeepKeys: {{keep_keys: [image, " + MAPS + "]}}}}]"
)
WITHOUT_RESIZE = "[{{DecodeImage: }}, {{CTCLabelEncode: }}, {{KeepKeys: {{keep_keys: [image, label, length]}}}}]"
PARTS = [
    # pictures have three channels, lines 32 pixels
    (REC, ["{mode}.dataset.transforms.DecodeImage.img_mode=GRAY"], "img_mode must be BGR or RGB, got 'GRAY'"),
    (REC, ["{mode}.dataset.transforms.RecResizeImg.image_shape=[1,32,96]"], "image_shape must begin with 3"),
    (REC, ["{mode}.dataset.transforms.RecResizeImg.image_shape=[3,240,36]"], "lines of 32 pixels height"),
    (REC, ["{mode}.dataset.transforms.RecResizeImg.image_shape=[3,64,320]"], "lines of 32 pixels height"),
    (REC, ["{mode}.dataset.transforms.RecResizeImg.image_shape=[3,31,320]"], "lines of 32 pixels height"),
    # classes and labels
    (CLS, ["Architecture.Head.class_dim=4"], "class_dim"),
    (CLS, ["PostProcess.label_list=['0','90']"], "they must be the same"),
    # what fits no memory
    (
        REC,
        ["Train.loader.batch_size_per_card=100000", "{mode}.dataset.transforms.RecResizeImg.image_shape=[3,32,16384]"],
        "takes 586 GiB; lower Train.loader.batch_size_per_card",
    ),
    # samplers and data sets
    (REC, ["Train.sampler={{name: MultiScaleSampler, scales: [[320,32]], first_bs: 8}}"], "name=MultiScaleDataSet"),
    (REC, ["Train.dataset.name=MultiScaleDataSet"], "needs Train.sampler.name=MultiScaleSampler"),
    (
        REC,
        [
            "Train.dataset.name=MultiScaleDataSet",
            "Train.sampler={{name: MultiScaleSampler, scales: [[320,32]], first_bs: 8}}",
        ],
        "MultiScaleDataSet resizes and normalises lines itself; leave TextLineResize out",
    ),
    (REC, ["Train.dataset.name=SimpleDataset"], "no data set 'SimpleDataset'; did you mean 'SimpleDataSet'"),
    (REC, ["Train.loader.collate_fn=DictColator"], "did you mean 'DictCollator'"),
    # transforms that cannot work where they stand
    (DET, ["Eval.dataset.transforms.NormalizeImage.mean=[0.5, 0.5]"], "NormalizeImage cannot be built"),
    (DET, [f"Train.dataset.transforms={WITHOUT_MAPS}"], "KeepKeys fails on a sound picture"),
    (REC, [f"Train.dataset.transforms={WITHOUT_RESIZE}"], "pictures of several sizes"),
    (REC, ["Train.dataset.transforms.1={{ToCHWImage: }}"], "follows ToCHWImage, and channels go first only once"),
]


@pytest.mark.parametrize("command", ["check", "train"])
@pytest.mark.parametrize(("name", "assignments", "message"), PARTS)
def test_parts_that_do_not_fit_are_refused_and_the_data_is_not_blamed(
    run, command, name, assignments, message, tmp_path
):
    given = dict.fromkeys(each.format(mode=mode) for each in assignments for mode in BOTH)
    refused(run(command, name, *given), message)
    assert not (tmp_path / "out").exists()


def test_widths_that_differ_between_training_and_evaluation_are_told(run):
    result = run("check", REC, "Train.dataset.transforms.RecResizeImg.image_shape=[3,32,96]")
    assert result.exit_code in (0, 1)
    assert "Train resizes lines to [3, 32, 96] and Eval to" in result.output


def write(folder, name, content):
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


BOMB = "\n".join(f"  a{n}: &a{n} [{', '.join(['*a' + str(n - 1)] * 10 if n else ['lol'] * 10)}]" for n in range(10))
FILES = [
    ("bigint", f"Global: {{epoch_num: {'9' * 5000}}}\n", "bigint.yml:1: '999"),
    ("control", 'Global: "a\x07"\n', "control.yml:1 holds the character U+0007, which YAML does not allow; delete it."),
    ("feed", "Global:\n  debug: false\x0b\n", "feed.yml:2 holds the character U+000B"),
    ("nul", "\x00", "nul.yml:1 holds the character U+0000"),
    ("escape", 'Global: "\\0"\n', "escape.yml:1: the text '\\x00' holds the character U+0000"),
    ("surrogate", 'Global: "\\ud800"\n', "surrogate.yml:1: the text '\\ud800' holds the character U+D800"),
    ("codepoint", 'Global: "\\UFFFFFFFF"\n', "codepoint.yml:1: this is not YAML"),
    ("date", "Global: 2026-13-45\n", "the config lacks the section"),
    ("deep", f"Global: {'[' * 5000}\n", "deep.yml:1: sections are nested deeper than 50 levels; use fewer."),
    ("float", "Global: {epoch_num: !!float x}\n", "float.yml:1: 'x' cannot be read as float; correct it."),
    ("int", "Global: !!int x\n", "int.yml:1: 'x' cannot be read as int; correct it."),
    ("bool", "\nGlobal: !!bool x\n", "bool.yml:2: 'x' cannot be read as bool; correct it."),
    ("time", "Global: !!timestamp x\n", "no value of the kind timestamp"),
    ("binary", "Global: !!binary aaa\n", "no value of the kind binary"),
    ("set", "Global: !!set {a}\n", "no value of the kind set"),
    ("pairs", "Global: !!omap [a: 1]\n", "no value of the kind omap"),
    ("listkey", "? [a, b]\n: 1\n", "listkey.yml:1: the key ['a', 'b'] must be text"),
    ("mapkey", "? {a: b}\n: 1\n", "mapkey.yml:1: the key {'a': 'b'} must be text"),
    ("numberkey", "7: a\n", "numberkey.yml:1: the key 7 must be text; put it in quotes."),
    ("mapseq", "Global: !!map [1,2]\n", "mapseq.yml:1: this must be a mapping"),
    ("laughs", f"Global:\n{BOMB}\n", "laughs.yml: its aliases stand for more than 50000 values"),
    (
        "cycle",
        "Global: &a {b: *a}\n",
        "cycle.yml:1: an alias refers to the value that it stands in; write the value out.",
    ),
    (
        "cycles",
        "Global: &a [[*a]]\n",
        "cycles.yml:1: an alias refers to the value that it stands in; write the value out.",
    ),
    ("merge", "Global: {<<: 3}\n", "merge.yml:1: expected a mapping"),
    ("several", "a: 1\n---\nb: 2\n", "several.yml:2: this is not YAML"),
    ("latin", b"Global:\n  a: \xe9\n", "latin.yml: line 2 is not UTF-8; save it as UTF-8."),
    ("wide", "Global: {}\n".encode("utf-16"), "wide.yml: line 1 is not UTF-8"),
    ("large", "a: " + "x" * 300_000, "large.yml has more than 256 kB, which no config has; name a config file."),
    ("python", "a: !!python/name:os.system\n", "python.yml:1: could not determine a constructor"),
]


@pytest.mark.parametrize(("name", "content", "message"), FILES, ids=[row[0] for row in FILES])
def test_a_file_that_the_reader_cannot_take_is_refused_with_its_line(
    wheel, tmp_path, monkeypatch, name, content, message
):
    monkeypatch.chdir(tmp_path)
    file = write(tmp_path, f"{name}.yml", content)
    refused(CliRunner().invoke(main, ["check", "-c", file.name]), message)


def test_a_folder_in_the_place_of_a_file_is_called_a_folder(run, tmp_path):
    (tmp_path / "labels.txt").mkdir()
    (tmp_path / "dict.txt").mkdir()
    (tmp_path / "some.yml").mkdir()
    refused(run("check", REC, "Train.dataset.label_file_list=[labels.txt]"), "labels.txt is a folder")
    refused(run("check", REC, "Global.character_dict_path=dict.txt"), "dict.txt is a folder; name a file in it")
    refused(run("check", "some.yml"), "some.yml is a folder; name a config file in it")
    refused(run("train", REC, "Global.pretrained_model=labels.txt"), "labels.txt is a folder")


def test_the_path_that_was_looked_for_is_shown(run, tmp_path):
    refused(run("check", REC, "Global.character_dict_path=my.txt"), f"there is no file my.txt, in {tmp_path} or in ")


@pytest.mark.parametrize("name", ["inference.pdiparams", "model/inference.pdmodel"])
def test_an_inference_model_as_a_start_is_called_that(run, tmp_path, name):
    (tmp_path / "model").mkdir()
    (tmp_path / name).touch()
    refused(run("train", REC, f"Global.pretrained_model={name}"), "an inference model", "ppocrv2 weights")


CODE = "__import__('pathlib').Path('ran').touch()"


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        (DET, "Train.dataset.transforms.NormalizeImage.scale", f"{CODE} or 1./255"),
        (DET, "Eval.dataset.transforms.NormalizeImage.scale", f"[{CODE}]"),
        (REC, "Train.sampler", {"name": f"(lambda *a, **k: {CODE})"}),
        (REC, "Train.dataset.name", f"(lambda *a: {CODE})"),
        (REC, "Global.inter_type", CODE),
        (REC, "Global.gtc_encode", CODE),
        (REC, "Global.scale", CODE),
        (REC, "Train.loader.collate_fn", CODE),
        (REC, "Architecture.Backbone.norm_layer", CODE),
        (REC, "Loss", {"name": "CombinedLoss", "loss_config_list": [{CODE: {"weight": 1}}]}),
        (REC, "Metric.base_metric_name", CODE),
    ],
)
@pytest.mark.parametrize("command", ["check", "train"])
def test_code_in_a_config_does_not_run(run, tmp_path, command, name, key, value):
    refused(run(command, name, f"{key}={json.dumps(value)}"))
    assert not (tmp_path / "ran").exists()


V3 = {
    "Architecture.Backbone": {"name": "MobileNetV1Enhance", "last_conv_stride": [1, 2], "last_pool_type": "avg"},
    "Architecture.Neck": None,
    "Architecture.Head": {
        "name": "MultiHead",
        "head_list": [
            {"CTCHead": {"Neck": {"name": "svtr", "dims": 64, "depth": 2}, "Head": {"fc_decay": 1e-5}}},
            {"SARHead": {"enc_dim": 512, "max_text_length": 25}},
        ],
    },
    "Loss": {"name": "MultiLoss", "loss_config_list": [{"CTCLoss": None}, {"SARLoss": None}]},
}


@pytest.fixture
def v3(tmp_path, on_samples):
    """A config of PP-OCRv3, cut down, with a section that PaddleOCR ignores. It labels as MultiLabelEncode does."""
    recipe = config.override(config.read(config.locate(REC)), on_samples(REC))
    for key, value in V3.items():
        section, _, last = key.rpartition(".")
        (recipe[section] if section else recipe)[last] = value
    recipe["Architecture"].pop("freeze_norm", None)
    keys = ["image", "label_ctc", "label_sar", "length", "valid_ratio"]
    for mode in BOTH:
        recipe[mode]["dataset"]["transforms"] = [
            {"DecodeImage": {"img_mode": "BGR", "channel_first": False}},
            {"MultiLabelEncode": None},
            {"RecResizeImg": {"image_shape": [3, 48, 64]}},
            {"KeepKeys": {"keep_keys": keys}},
        ]
    recipe["Infer"] = {"data_dir": "None"}
    return write(tmp_path, "v3.yml", yaml.safe_dump(recipe))


def test_a_config_of_pp_ocrv3_on_the_wheel_is_told_that_it_needs_a_clone(run, v3):
    result = run("check", v3.name)
    refused(result, "this config needs a clone of PaddleOCR", "no head 'MultiHead'", "no loss 'MultiLoss'")
    assert "did you mean" not in result.output
    assert "MapHead" not in result.output


@pytest.mark.checkout
def test_a_section_that_paddleocr_ignores_is_a_warning_and_the_check_goes_on(ppocrv2, checkout, v3):
    done = ppocrv2("check", "-c", v3.name, paddleocr=checkout)
    assert done.returncode in (0, 1), done.stderr
    assert "PaddleOCR does not read the section 'Infer'; it has no effect." in done.stderr


@pytest.mark.checkout
def test_unknown_characters_are_found_behind_multi_label_encode(ppocrv2, checkout, v3, samples, tmp_path):
    image = (samples / "icdar2015_words" / "train.txt").read_text(encoding="utf-8").partition("\t")[0]
    labels = write(tmp_path, "words.txt", f"{image}\tA\n{image}\tA☃\n")
    fail = ["-o", "Global.unknown_characters=fail", f"Train.dataset.label_file_list=[{labels}]"]
    done = ppocrv2("train", "-c", v3.name, *fail, "Global.save_model_dir=out", paddleocr=checkout)
    assert done.returncode == 2, done.stderr
    assert "words.txt:2: the dictionary lacks '☃'" in done.stderr


@pytest.mark.checkout
def test_arguments_that_a_head_hands_on_are_not_said_to_have_no_effect(ppocrv2, checkout, on_samples, tmp_path):
    recipe = config.override(config.read(config.locate(DET)), on_samples(DET))
    recipe["Architecture"]["Head"].update(kernel_list=[7, 2, 2], fix_nan=True)
    recipe["PostProcess"]["zebra"] = 1
    done = ppocrv2("check", "-c", write(tmp_path, "det.yml", yaml.safe_dump(recipe)), paddleocr=checkout)
    assert done.returncode in (0, 1), done.stderr
    assert [line for line in done.stderr.splitlines() if "no effect" in line] == [
        "ppocrv2: PostProcess: post-process 'DBPostProcess' does not read 'zebra'; it has no effect."
    ]


@pytest.mark.parametrize("command", ["check", "train"])
def test_a_transform_that_needs_names_of_files_is_refused_on_an_lmdb(run, command, tmp_path):
    import lmdb

    with lmdb.open(str(tmp_path / "words"), map_size=2**20) as environment, environment.begin(write=True) as writing:
        for key, value in ((b"num-samples", b"1"), (b"label-000000001", b"a"), (b"image-000000001", b"")):
            writing.put(key, value)
    given = [f"{mode}.dataset.{each}" for mode in ("Train", "Eval") for each in ("name=LMDBDataSet", "data_dir=words")]
    refused(run(command, CLS, *given), "Eval.dataset.transforms.HalfTurnByName fails", "has no file names to decide by")
    assert not (tmp_path / "out").exists()
