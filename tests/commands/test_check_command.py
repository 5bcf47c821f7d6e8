"""`ppocrv2 check`, and what PaddleOCR gets in place of broken data."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from ppocrv2_ext import config
from ppocrv2_ext.cli import main
from ppocrv2_ext.commands import node

FINETUNE = "rec/ch_PP-OCRv2_rec_finetune"


def write(file, *lines):
    file.write_bytes(b"".join(line if isinstance(line, bytes) else line.encode() + b"\n" for line in lines))
    return file


@pytest.fixture
def run(wheel, folder, monkeypatch):
    monkeypatch.chdir(folder)
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def host_inputs(monkeypatch):
    """What PaddleOCR would have been started with: the config and its label files, {mode: their text}."""
    from ppocrv2_ext.host import run as host_run
    from ppocrv2_ext.host.training import log_file

    started = []

    def run_script(host, script, arguments, observe):
        resolved = config.read(arguments[1])
        files = {mode: map(Path, resolved[mode]["dataset"]["label_file_list"]) for mode in ("Train", "Eval")}
        started.append({mode: "".join(f.read_text(encoding="utf-8") for f in files[mode]) for mode in files})

    monkeypatch.setattr(host_run, "run_script", run_script)
    monkeypatch.setattr(log_file, "add_log_file", lambda file: None)
    return started


def overrides(file, *more):
    data = [
        f"{mode}.dataset.{key}" for mode in ("Train", "Eval") for key in ("data_dir=.", f"label_file_list=[{file}]")
    ]
    return [
        "-o",
        *data,
        "Train.loader.batch_size_per_card=2",
        "Global.use_gpu=false",
        "Global.save_model_dir=out",
        *more,
    ]


SOUND, BROKEN = "a.png\tEXIT", "nowhere.png\tEXIT"
UNTRAINED = "Global.pretrained_model="


@pytest.mark.parametrize(
    ("lines", "code"), [([SOUND], 0), ([SOUND, "grey.png\tA"], 0), ([SOUND, BROKEN], 1), ([BROKEN], 1), ([], 2)]
)
def test_the_exit_code_of_check_is_1_for_broken_lines_and_2_for_no_lines(run, folder, lines, code):
    write(folder / "words.txt", *lines)
    result = run("check", "-c", FINETUNE, *overrides("words.txt"), "--json", "check.json")
    assert result.exit_code == code, result.output
    assert (folder / "check.json").exists() == (code != 2)


@pytest.mark.parametrize(("command", "said"), [("check", 0), ("preview", 0), ("eval", 1), ("train", 1)])
def test_that_there_is_no_gpu_is_said_once_where_a_network_runs(run, folder, host_inputs, command, said):
    write(folder / "words.txt", *[SOUND] * 4)
    arguments = [word for word in overrides("words.txt", UNTRAINED) if "use_gpu" not in word]
    more = ["--output", "sheet.png"] if command == "preview" else []
    result = run(command, "-c", FINETUNE, *arguments, *more)
    assert result.output.count("Global.use_gpu is off") == said


def test_check_finds_a_set_in_which_all_text_is_ignored(run, folder):
    write(folder / "scenes.txt", "a.png\t" + json.dumps([{"transcription": "###", "points": [[1, 1], [9, 1], [9, 9]]}]))
    result = run("check", "-c", "det/ch_PP-OCRv2_det_student", *overrides("scenes.txt"))
    assert result.exit_code == 1, result.output
    assert "Train: every box of scenes.txt is ignored (### or *): there is nothing to learn." in result.output
    assert "Eval: every box of scenes.txt is ignored (### or *), so hmean is 0" in result.output


@pytest.mark.parametrize("command", ["train", "eval", "check"])
def test_an_evaluation_set_of_ignored_boxes_is_found_by_every_command(run, folder, host_inputs, command):
    box = {"transcription": "###", "points": [[1, 1], [40, 1], [40, 40], [1, 40]]}
    write(folder / "ignored.txt", "a.png\t" + json.dumps([box]))
    write(folder / "scenes.txt", *["a.png\t" + json.dumps([{**box, "transcription": "EXIT"}])] * 2)
    (folder / "best.pdparams").touch()
    weights = ["Global.pretrained_model=best", "Eval.dataset.label_file_list=[ignored.txt]"]
    result = run(command, "-c", "det/ch_PP-OCRv2_det_student", *overrides("scenes.txt", *weights))
    assert result.exit_code == (1 if command == "check" else 2), result.output
    assert "Eval: every box of ignored.txt is ignored (### or *), so hmean is 0 whatever" in result.output
    assert not host_inputs


NO_BATCH = ("Eval.loader.drop_last=true", "Eval.loader.batch_size_per_card=4")
GAPS = {  # what an evaluation, or a training too, leaves out: (overrides, the sentence)
    "no batch": (NO_BATCH, "words.txt: 3 samples do not fill one batch of 4, so nothing would be evaluated; lower"),
    "no line": (("Eval.dataset.ratio_list=0.1",), "Eval.dataset.ratio_list: the share 0.1 takes none of the 3 samples"),
}


@pytest.mark.parametrize("command", ["train", "eval", "check"])
@pytest.mark.parametrize("gap", list(GAPS))
def test_an_evaluation_set_of_which_nothing_is_judged_is_found_by_every_command(run, folder, host_inputs, command, gap):
    write(folder / "words.txt", *[SOUND] * 3)
    (folder / "best.pdparams").touch()
    options, sentence = GAPS[gap]
    result = run(command, "-c", FINETUNE, *overrides("words.txt", "Global.pretrained_model=best", *options))
    assert result.exit_code == (1 if command == "check" else 2), result.output
    assert sentence in result.output
    assert not host_inputs


@pytest.mark.parametrize("command", ["train", "eval", "check"])
def test_an_evaluation_set_of_which_a_part_is_judged_is_named_by_every_command(run, folder, host_inputs, command):
    write(folder / "words.txt", *[SOUND] * 3, BROKEN)
    (folder / "best.pdparams").touch()
    options = ("Global.pretrained_model=best", "Eval.loader.drop_last=true", "Eval.loader.batch_size_per_card=2")
    result = run(command, "-c", FINETUNE, *overrides("words.txt", *options))
    assert result.exit_code == (1 if command == "check" else 0), result.output
    sentence = "Eval: the metrics count 2 of the 3 samples of words.txt; the rest does not fill a batch of 2: set Eval"
    assert result.output.count(sentence) == 1


def test_a_share_that_takes_no_line_of_a_file_of_the_training_is_refused(run, folder, host_inputs):
    write(folder / "words.txt", *[SOUND] * 3)
    write(folder / "few.txt", *[SOUND] * 4)
    options = ("Train.dataset.label_file_list=[words.txt,few.txt]", "Train.dataset.ratio_list=[1.0,0.1]")
    for command, code in (("train", 2), ("check", 1)):
        result = run(command, "-c", FINETUNE, *overrides("words.txt", UNTRAINED, *options))
        assert result.exit_code == code, result.output
        assert "Train.dataset.ratio_list: the share 0.1 takes none of the 4 samples of few.txt" in result.output
    assert "ratio_list takes 3 of the 3 of words.txt, 0 of the 4 of few.txt" in result.output


def test_fix_writes_the_usable_lines_and_overwrites_no_file(run, folder):
    write(folder / "words.txt", SOUND, BROKEN)
    command = ["check", "-c", FINETUNE, *overrides("words.txt"), "--fix", "fixed"]
    result = run(*command)
    assert "Train: wrote fixed/train/words.txt: 1 of 2 lines." in result.output
    assert (folder / "fixed" / "train" / "words.txt").read_text(encoding="utf-8") == f"{SOUND}\n"
    assert "fixed/train/words.txt is there already" in run(*command).output
    fixed = overrides("fixed/train/words.txt")
    assert run("check", "-c", FINETUNE, *fixed).exit_code == 0


def test_training_gets_the_usable_lines_and_reports_the_others(run, folder, host_inputs):
    write(folder / "words.txt", SOUND, BROKEN, SOUND, "a.png\tA☃")
    result = run("train", "-c", FINETUNE, *overrides("words.txt", UNTRAINED))
    assert result.exit_code == 0, result.output
    assert host_inputs == [dict.fromkeys(("Train", "Eval"), f"{SOUND}\n{SOUND}\na.png\tA☃\n")]
    for said in ("Train: 3 of 4 lines", "words.txt:2", "'☃' (once)", "metrics are of 3 lines; 1 broken"):
        assert said in result.output
    assert (folder / "out" / "labels" / "train" / "words.txt").is_file()


def test_every_process_trains_on_the_same_lines_and_only_the_first_reports(run, folder, host_inputs, monkeypatch):
    write(folder / "words.txt", *[SOUND] * 4, BROKEN)
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    # Both processes are one here: the first leaves its result where the second one looks, as if it were still at work.
    monkeypatch.setattr(node.Path, "unlink", lambda *_, **__: None)
    outputs = []
    for rank in ("0", "1"):
        monkeypatch.setenv("PADDLE_TRAINER_ID", rank)
        monkeypatch.setenv("PADDLE_RANK_IN_NODE", rank)
        outputs.append(run("train", "-c", FINETUNE, *overrides("words.txt", UNTRAINED)).output)
    assert [inputs["Train"] for inputs in host_inputs] == [f"{SOUND}\n" * 4] * 2
    assert "nowhere" in outputs[0]
    assert "nowhere" not in outputs[1]
    assert "words.txt" not in outputs[1]


def test_evaluation_reports_how_many_lines_it_does_not_count_and_leaves_no_file(run, folder, host_inputs):
    write(folder / "words.txt", SOUND, BROKEN)
    (folder / "best.pdparams").touch()
    before = set(folder.iterdir())
    result = run("eval", "-c", FINETUNE, *overrides("words.txt", "Global.pretrained_model=best"))
    assert result.exit_code == 0, result.output
    assert host_inputs[0]["Eval"] == f"{SOUND}\n"
    assert "Eval: the metrics are of 1 lines; 1 broken ones are not counted." in result.output
    assert "lost characters" not in result.output
    assert set(folder.iterdir()) == before


def test_evaluation_ends_with_how_many_labels_the_dictionary_has_shortened(run, folder, host_inputs):
    write(folder / "words.txt", SOUND, "a.png\tA☃", "a.png\t☃☃", "a.png\tB☃☃")
    (folder / "best.pdparams").touch()
    weights = overrides("words.txt", "Global.pretrained_model=best")
    result = run("eval", "-c", FINETUNE, *weights)
    assert host_inputs[0]["Eval"] == f"{SOUND}\na.png\tA☃\na.png\tB☃☃\n"
    assert result.output.splitlines()[-1] == (
        "ppocrv2: Eval: 2 of 3 labels lost characters that the dictionary lacks, '☃' (5 times), and count as right if"
        " the rest is read; name a dictionary that has them, or leave such lines out with"
        " -o Global.unknown_characters=skip."
    )
    result = run("eval", "-c", FINETUNE, *weights, "Global.unknown_characters=skip")
    assert host_inputs[1]["Eval"] == f"{SOUND}\n"
    assert "lost characters" not in result.output


def test_evaluation_ends_with_how_many_boxes_it_does_not_count(run, folder, host_inputs):
    corners = [[[10, 10], [30, 10], [30, 30], [10, 30]], [[10, 10], [30, 30], [30, 10], [10, 30]]]
    write(folder / "boxes.txt", "a.png\t" + json.dumps([{"transcription": "EXIT", "points": each} for each in corners]))
    (folder / "best.pdparams").touch()
    weights = overrides("boxes.txt", "Global.pretrained_model=best")
    result = run("eval", "-c", "det/ch_PP-OCRv2_det_student", *weights)
    said = "ppocrv2: Eval: the metrics leave 1 of the boxes out, which are broken or ignored by the config."
    assert result.output.splitlines()[-1] == said


@pytest.mark.parametrize(
    ("lines", "more", "message"),
    [
        ([BROKEN, BROKEN], (), "none of the 2 lines"),
        ([SOUND, BROKEN, BROKEN], (), "1 samples do not fill one batch of 2"),
        ([SOUND, "a.png\tA☃"], ("Global.unknown_characters=fail",), "words.txt:2: the dictionary lacks '☃'"),
        ([SOUND, "a.png\tA☃"], ("Global.unknown_characters=skip",), "1 samples do not fill one batch of 2"),
        ([SOUND, SOUND], ("Global.unknown_characters=skipp",), "did you mean 'skip'"),
    ],
)
def test_training_that_cannot_go_well_is_refused(run, folder, host_inputs, lines, more, message):
    write(folder / "words.txt", *lines)
    result = run("train", "-c", FINETUNE, *overrides("words.txt", UNTRAINED, *more))
    assert result.exit_code == 2, result.output
    assert message in result.output.splitlines()[-1]
    assert not host_inputs


@pytest.mark.parametrize("place", ["out", "out/below"])
def test_a_training_that_is_refused_leaves_no_folder_that_it_made(run, folder, host_inputs, place):
    write(folder / "words.txt", BROKEN, BROKEN)
    arguments = ["train", "-c", FINETUNE, *overrides("words.txt", UNTRAINED, f"Global.save_model_dir={place}")]
    assert "none of the 2 lines" in run(*arguments).output
    assert not (folder / "out").exists()
    (folder / "out").mkdir()  # that of another is left
    assert run(*arguments).exit_code == 2
    assert (folder / "out").is_dir()


@pytest.mark.parametrize(("more", "code"), [((), 1), (("Global.outside_images=allow",), 0)])
def test_check_names_images_outside_data_dir_unless_they_are_allowed(run, folder, more, code):
    (folder / "inside").mkdir()
    write(folder / "words.txt", "../a.png\tEXIT")
    inside = [f"{mode}.dataset.data_dir=inside" for mode in ("Train", "Eval")]
    result = run("check", "-c", FINETUNE, *overrides("words.txt", *inside, *more))
    assert result.exit_code == code, result.output
    assert ("outside-image" in result.output) == (code == 1)


def test_the_json_of_check_says_what_to_do(run, folder):
    write(folder / "words.txt", SOUND, f"a.png\t{'NORTH' * 6}")
    run("check", "-c", FINETUNE, *overrides("words.txt"), "--json", "check.json")
    found = json.loads((folder / "check.json").read_text(encoding="utf-8"))["Train"]["findings"]["long-label"]
    assert found["advice"].endswith("set Global.max_text_length=30")


def test_a_dictionary_of_a_windows_editor_is_told_and_used(run, folder, host_inputs):
    write(folder / "words.txt", SOUND, SOUND)
    write(folder / "letters.txt", b"\xef\xbb\xbfE\n", *"XIT")
    settings = ("Global.character_dict_path=letters.txt", "Global.use_space_char=false")
    result = run("train", "-c", FINETUNE, *overrides("words.txt", UNTRAINED, *settings))
    assert result.exit_code == 0, result.output
    assert "letters.txt:1: byte-order-mark" in result.output
    assert (folder / "out" / "labels" / "letters.txt").read_text(encoding="utf-8") == "E\nX\nI\nT\n"


def test_a_folder_in_place_of_the_label_file_is_called_a_folder(run, folder):
    (folder / "words.txt").mkdir()
    result = run("check", "-c", FINETUNE, *overrides("words.txt"))
    assert result.exit_code == 2
    assert "words.txt is a folder" in result.output.splitlines()[-1]


@pytest.mark.parametrize(
    "setting", ["check_images=all", "unicode_form=NFD", "difficult_boxes=yes", "max_image_pixels=0"]
)
def test_a_setting_of_the_check_that_does_not_exist_is_refused(run, folder, setting):
    write(folder / "words.txt", SOUND)
    result = run("check", "-c", FINETUNE, *overrides("words.txt", f"Global.{setting}"))
    assert result.exit_code == 2, result.output
    assert f"Global.{setting.partition('=')[0]}" in result.output


def test_a_text_is_compared_with_the_frames_of_the_network_of_the_config(run, folder):
    letters = "abcdefghijklmnopqrstuvwx"
    write(folder / "words.txt", f"a.png\t{letters}", "a.png\tEXIT")
    options = overrides("words.txt", UNTRAINED, "Train.dataset.transforms.RecResizeImg.image_shape=[3,32,160]")
    assert run("check", "-c", FINETUNE, *options, "Train.loader.drop_last=false").exit_code == 0
    strides = "Architecture.Backbone.strides=[[1,1],[2,1],[2,1],[2,2]]"
    result = run("check", "-c", FINETUNE, *options, strides)
    assert result.exit_code == 1
    assert (
        f"in 1 of 2 lines the text needs more than the 20 frames that LCNet makes of 160 pixels, up to 24 for"
        f" '{letters}'; set the width in TextLineResize.image_shape to 192."
    ) in result.output
