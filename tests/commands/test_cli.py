"""The command: what bad input gets is one sentence and exit code 2, before anything is written."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ppocrv2_ext import config, interrupts
from ppocrv2_ext.__main__ import run as run_as_installed
from ppocrv2_ext.cli import main
from ppocrv2_ext.commands import evaluate, train
from ppocrv2_ext.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
FINETUNE = "rec/ch_PP-OCRv2_rec_finetune"


@pytest.fixture
def words(tmp_path):
    """Overrides that name a data set of four (missing) images."""
    (tmp_path / "train.txt").write_text("a.png\ta\n" * 4, encoding="utf-8")
    label = tmp_path / "train.txt"
    sections = [f"{mode}.dataset.{key}" for mode in ("Train", "Eval") for key in ("data_dir", "label_file_list")]
    values = [tmp_path, f"[{label}]"] * 2
    return [f"{key}={value}" for key, value in zip(sections, values)] + ["Train.loader.batch_size_per_card=2"]


@pytest.fixture
def run(wheel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


def refused(result, *parts):
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.output.count("\n") == 1
    for part in ("ppocrv2: ", *parts):
        assert part in result.output


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("Global.epoch_nums=4", ["did you mean 'epoch_num'"]),
        ("Globl.epoch_num=4", ["did you mean 'Global'"]),
        ("Architecture.Backbone.name=LCNett", ["did you mean 'LCNet'"]),
        ("Global.character_dict_path=ppocr_keys.txt", ["no file ppocr_keys.txt"]),
        ("Train.dataset.data_dir=nowhere", ["Train.dataset.data_dir", "no folder nowhere"]),
        ("Train.dataset.label_file_list=[trian.txt]", ["no file trian.txt", "did you mean 'train.txt'"]),
        ("Train.loader.batch_size_per_card=5", ["4 samples do not fill one batch of 5", "drop_last=false"]),
        ("Train.dataset.ratio_list=[0.2]", ["1 samples after Train.dataset.ratio_list=[0.2] do not fill one batch"]),
        ("Train.dataset.ratio_list=[1.0,1.0]", ["a share above 0 and up to 1 for each of 1 label files"]),
        ("Train.dataset.ratio_list=[0.0]", ["a share above 0 and up to 1"]),
        ("Eval.dataset.ratio_list=[1.0,1.0]", ["Eval.dataset.ratio_list must hold a share"]),
        ("Global.pretrained_model=nowhere/best", ["Global.pretrained_model", "no file nowhere/best.pdparams"]),
        ("Global.checkpoints=nowhere/latest", ["Global.checkpoints", "no file nowhere/latest.pdparams"]),
        ("Global.save_model_dir=train.txt/out", ["cannot write to train.txt/out", "; name another folder."]),
        ("Global.use_sync_bn=true", ["freeze_norm", "use_sync_bn=false"]),
    ],
)
def test_training_on_bad_input_is_refused_in_one_sentence(run, words, tmp_path, override, parts):
    before = set(tmp_path.iterdir())
    fine = ["Global.pretrained_model=", "Global.use_gpu=false"]
    refused(run("train", "-c", FINETUNE, "-o", *words, *fine, override), *parts)
    assert set(tmp_path.iterdir()) == before


def test_an_empty_label_file_is_refused(run, words, tmp_path):
    (tmp_path / "train.txt").write_text("\n", encoding="utf-8")
    refused(run("train", "-c", FINETUNE, "-o", *words, "Global.use_gpu=false"), "is empty")


def test_a_teacher_without_its_weights_is_refused(run, words):
    cml = ["-c", "det/ch_PP-OCRv2_det_cml", "-o", *words, "Global.use_gpu=false"]
    refused(run("train", *cml), "Architecture.Models.Teacher.pretrained", "no file")


def test_an_unknown_config_is_refused(run):
    refused(run("train", "-c", "rec/ch_PP-OCRv3_rec"), "did you mean 'rec/ch_PP-OCRv2_rec'")


def test_a_config_that_runs_code_is_refused(run, tmp_path):
    (tmp_path / "evil.yml").write_text("Global: !!python/object/apply:os.getcwd []\n", encoding="utf-8")
    refused(run("train", "-c", "evil.yml"), "evil.yml:1: ", "may not run code")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["weights", "rec", "--output", ""], "--output is empty; give DIR."),
        (["weights", "rec", "--output", "a", "--from", ""], "--from is empty; give FILE, or leave it out."),
        (["train", "-c", FINETUNE, "--resume", ""], "--resume is empty; give DIR, or leave it out."),
        (["configs", "--copy", ""], "--copy is empty; give DIR, or leave it out."),
        (["average", "a.pdparams", "", "--output", "b.pdparams"], "an argument is empty; give FILE."),
        (["average", "a.pdparams", "b.pdparams", "--output", ""], "--output is empty; give FILE."),
        (["check", "-c", ""], "the name of the config is empty; name a config file"),
        (["run", "tools/infer_rec.py", "-c", ""], "the name of the config is empty; name a config file"),
        (["preview", "-c", FINETUNE, "--output", ""], "--output is empty; give FILE.png."),
        (["centers", "-c", FINETUNE, "--output", ""], "--output is empty; give FILE.npz."),
        (["ocr", ""], "an argument is empty; give PATH."),
        (["ocr", "a.png", "--det", ""], "--det is empty; give DIR, or leave it out."),
        (["ocr", "a.png", "--cls", ""], "--cls is empty; give DIR|none, or leave it out."),
        (["compare", "", "official", "--data", "a.txt"], "an argument is empty; give BEFORE."),
        (["compare", "official", "official", "--data", ""], "--data is empty; give LABELS."),
        (["compress", "official", "--data", "a.txt", "--output", ""], "--output is empty; give DIR."),
        (["verify", "", "a.png"], "an argument is empty; give DIR."),
        (["verify", "model", ""], "an argument is empty; give PICTURE, or leave it out."),
        (["verify", "model", "a.png", "--python", ""], "--python is empty; give PATH, or leave it out."),
        (["eval-system", "--data", "a.txt", "--rec", ""], "--rec is empty; give DIR, or leave it out."),
        (["eval-system", "--data", "a.txt", "--json", ""], "--json is empty; give FILE.json, or leave it out."),
        (["eval-system", "--data", "a.txt", "--data-dir", ""], "--data-dir is empty; give DIR, or leave it out."),
        (["ocr", "a.png", "--output", ""], "--output is empty; give DIR, or leave it out."),
        (["check", "-c", FINETUNE, "--fix", ""], "--fix is empty; give DIR, or leave it out."),
        (["check", "-c", FINETUNE, "--json", ""], "--json is empty; give FILE.json, or leave it out."),
        (["check", "-c", FINETUNE, "--paddleocr", ""], "--paddleocr is empty; give DIR, or leave it out."),
        (["export", "-c", FINETUNE, "--output", ""], "--output is empty; give DIR, or leave it out."),
        (["verify", "model", "--data", ""], "--data is empty; give LABELS, or leave it out."),
        (["compare", "a", "b", "--data", "c", "--output", ""], "--output is empty; give FILE.html, or leave it out."),
    ],
)
def test_an_empty_path_is_refused_and_is_not_the_working_directory(run, arguments, sentence):
    refused(run(*arguments), sentence)


@pytest.mark.parametrize(
    ("arguments", "suffix"),
    [
        (["check", "-c", FINETUNE, "--json", "labels.txt"], ".json"),
        (["eval-system", "--data", "pages.txt", "--json", "labels.txt"], ".json"),
        (["compare", "official", "official", "--data", "words.txt", "--output", "labels.txt"], ".html"),
        (["centers", "-c", FINETUNE, "--output", "labels.txt"], ".npz"),
        (["preview", "-c", FINETUNE, "--output", "labels.txt"], ".png or .jpg"),
    ],
)
def test_a_file_of_another_format_is_not_written_over(run, tmp_path, arguments, suffix):
    (tmp_path / "labels.txt").write_text("a.png\tabc\n", encoding="utf-8")
    refused(run(*arguments), f"{arguments[-2]} labels.txt: ", f" must end in {suffix}")
    assert (tmp_path / "labels.txt").read_text(encoding="utf-8") == "a.png\tabc\n"


def test_an_incomplete_clone_of_paddleocr_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clone").mkdir()
    refused(CliRunner().invoke(main, ["info", "--paddleocr", "clone"]), "complete clone", "lacks tools/program.py")


def test_evaluation_without_weights_is_refused(run, words):
    refused(run("eval", "-c", FINETUNE, "-o", *words, "Global.pretrained_model=", "Global.use_gpu=false"), "no weights")


def test_export_without_a_destination_is_refused(run, tmp_path):
    (tmp_path / "a.pdparams").touch()
    refused(run("export", "-c", FINETUNE, "-o", "Global.pretrained_model=a", "Global.use_gpu=false"), "--output DIR")


def test_weights_from_a_broken_file_are_refused(run, tmp_path):
    (tmp_path / "rec.onnx").write_bytes(b"no network")
    refused(run("weights", "rec", "--output", "out", "--from", "rec.onnx"), "rec.onnx is not an ONNX file")
    assert not (tmp_path / "out").exists()


def test_a_network_of_the_official_file_which_holds_one_is_refused(run, tmp_path):
    refused(run("weights", "det", "--output", "out", "--network", "Student2"), "the official files hold one network")
    assert not (tmp_path / "out").exists()


def test_an_unknown_script_is_refused_with_the_nearest(run):
    refused(run("run", "tools/trian.py"), "no script 'tools/trian.py'; did you mean 'tools/train.py'")


def test_a_config_among_the_arguments_of_a_script_is_checked(run):
    refused(
        run("run", "tools/infer_rec.py", "-c", FINETUNE, "-o", "Global.infer_img=word.png", "Global.use_gpu=false"),
        "Global.infer_img: there is no word.png; name a picture or a folder of them.",
    )
    refused(run("run", "tools/infer_rec.py", "-c", "rec/ch_PP-OCRv2_rek"), "did you mean 'rec/ch_PP-OCRv2_rec'")
    refused(
        run("run", "tools/infer_rec.py", "-c", FINETUNE, "-o", "Global.infer_ing=a.png", "-o", "Global.seed=1"),
        "did you mean 'infer_img'",
    )


def test_debug_lets_the_error_through_with_its_traceback(run):
    result = run("--debug", "train", "-c", "nowhere.yml")
    assert isinstance(result.exception, UserError)


def test_a_command_that_is_interrupted_does_not_exit_like_one_that_found_something(run, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(main.commands["configs"], "callback", interrupted)
    result = run("configs")
    assert (result.exit_code, result.output) == (130, "ppocrv2: stopped.\n")


AFTER_START = "import sys; from ppocrv2_ext.__main__ import run; print(flush=True); sys.argv[0] = 'ppocrv2'; run()"


@pytest.mark.parametrize("delay", [0.1, 0.2, 0.4, 0.8, 1.2, 1.6, 2.0])
@pytest.mark.parametrize("command", ["info", "weights rec --output out", "train -c absent.yml --paddleocr absent"])
def test_ctrl_c_is_answered_by_one_line_while_packages_are_imported(tmp_path, command, delay):
    process = subprocess.Popen(
        [sys.executable, "-c", AFTER_START, *command.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # the suite may ignore it
    )
    process.stdout.readline()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(delay)
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    if process.returncode != 130:  # it was faster: at its very end it is killed without a word
        assert "stopped" not in said
        assert process.returncode in (0, 2, -signal.SIGINT)
    assert said.count("\n") <= 1, said


def test_ctrl_c_is_answered_by_one_line_before_click_looks_for_it(monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("ppocrv2_ext.cli.main", interrupted)
    with pytest.raises(SystemExit) as ended:
        run_as_installed()
    assert (ended.value.code, capsys.readouterr().err) == (130, "ppocrv2: stopped.\n")


@pytest.fixture
def in_foreground():
    """Let the process take SIGINT. The suite may run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_process_in_the_background_goes_on_to_ignore_ctrl_c(in_foreground):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interrupts.Stopping():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_an_error_that_ctrl_c_led_to_is_not_told_as_one(run, monkeypatch, in_foreground):
    def load(*_, **__):
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("initialization failed") from None

    monkeypatch.setattr(main.commands["configs"], "callback", load)
    result = run("configs")
    assert (result.exit_code, result.output) == (130, "ppocrv2: stopped.\n")


def test_a_signal_that_an_import_turns_into_an_error_ends_a_training_as_a_signal(run, monkeypatch):
    def load(*_, **__):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except interrupts.Interrupted:
            raise ImportError("initialization failed") from None

    monkeypatch.setattr(train, "_train", load)
    result = run("train", "-c", FINETUNE)
    assert (result.exit_code, result.output.count("\n")) == (143, 1)
    assert "stopped by a signal: no step was taken yet" in result.output


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_characters_that_standard_output_lacks_are_escaped_as_in_json(tmp_path, encoding):
    script = (
        "from ppocrv2_ext.commands import terminal; terminal.escape_unknown_characters(); print('\u4e2d\U0001f600\xe9')"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True)
    assert json.loads(f'"{done.stdout.decode(encoding).strip()}"') == "\u4e2d\U0001f600\xe9"


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])  # click takes UTF-8 for ascii
def test_a_config_with_other_characters_than_the_terminal_s_is_printed(tmp_path, encoding):
    (tmp_path / "a.yml").write_text("# \u4e2d\n", encoding="utf-8")
    command = [sys.executable, "-m", "ppocrv2_ext", "configs", "a.yml"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "# \\u4e2d\n", "")


def test_several_overrides_may_follow_one_o(run, words):
    result = run("eval", "-c", FINETUNE, "-o", "Global.epoch_nums=1", "Global.sed=1", "-o", "Global.use_gp=1", *words)
    assert result.output.count("did you mean") == 3


@pytest.mark.parametrize(
    ("arguments", "slow"),
    [
        *((arguments, {"paddle", "numpy", "cv2"}) for arguments in (["--help"], ["configs"], ["train", "--help"])),
        *(([command, "-c", "nowhere"], {"paddle"}) for command in ("train", "eval", "check")),
        *(([command, "-c", "nowhere", "--output", "x.png"], {"paddle"}) for command in ("preview", "centers")),
        (["export", "-c", FINETUNE, "-o", "Globl.epoch_num=1"], {"paddle"}),
        *(
            (["check", "-c", FINETUNE, "-o", wrong], {"paddle"})
            for wrong in ("Global.epoch_num=x", "Global.epoc_num=1", "Architecture.freeze_nrm=1")
        ),
    ],
    ids=lambda value: " ".join(value),
)
def test_help_and_a_config_with_a_wrong_setting_do_not_wait_for_slow_packages(arguments, slow, tmp_path):
    command = [sys.executable, "-X", "importtime", "-m", "ppocrv2_ext", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "ppocrv2_ext.cli" in imported
    assert not imported & slow


def test_configs_lists_the_built_in_ones_and_prints_one_as_it_is(run):
    assert FINETUNE in run("configs").output
    assert run("configs", FINETUNE).output == config.locate(FINETUNE).read_text(encoding="utf-8")


def test_configs_copies_into_a_folder_and_overwrites_nothing(run, tmp_path):
    assert run("configs", FINETUNE, "--copy", "mine").exit_code == 0
    assert (tmp_path / "mine" / f"{FINETUNE}.yml").is_file()
    refused(run("configs", FINETUNE, "--copy", "mine"), "is there already")


def test_info_names_the_host_and_what_is_plugged_in(run):
    output = run("info").output
    assert "PaddleOCR    wheel 2.10.0" in output
    assert "plugged in   backbone: BothWaysLCNet, LCNet" in output


def test_a_script_finds_its_arguments_in_argv_which_is_then_as_before(run, tmp_path, monkeypatch, wheel):
    from ppocrv2_ext.host.run import run_script

    script = tmp_path / "tools" / "echo.py"
    script.parent.mkdir()
    script.write_text("import sys; raise SystemExit(len(sys.argv))", encoding="utf-8")
    before = list(sys.argv)
    with pytest.raises(SystemExit) as exit_code:
        run_script(wheel._replace(root=tmp_path), "tools/echo.py", ["-c", "x.yml", "-o", "a=b"])
    assert exit_code.value.code == 5
    assert sys.argv == before


def test_overrides_of_several_o_are_applied_in_the_order_given():
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "evaluate", lambda name, overrides, directory: seen.extend(overrides))
        done = CliRunner().invoke(main, ["eval", "-c", "x", "-o", "a=1", "b=2", "-o", "a=3", "--paddleocr", "D"])
    assert done.exit_code == 0, done.output
    assert seen == ["a=1", "b=2", "a=3"]


def test_a_full_disk_behind_standard_output_is_said():
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with full.open("w") as stream:
        command = [sys.executable, "-m", "ppocrv2_ext", "configs"]
        done = subprocess.run(command, stdout=stream, stderr=subprocess.PIPE, text=True)
    said = "ppocrv2: cannot write to standard output: No space left on device; send it to another place.\n"
    assert (done.returncode, done.stderr) == (2, said)


def test_a_pipe_that_nobody_reads_ends_a_command_without_a_word():
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "ppocrv2_ext", "configs"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    # As of a program that SIGPIPE ends: 1 would say that the command found something.
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(13, "Permission denied", "secret.yml"),
        OSError("(NotFound) Operator is not registered."),  # as Paddle says it
    ],
)
def test_an_error_of_something_else_is_not_taken_for_one_of_standard_output(run, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(main.commands["configs"], "callback", fail)
    assert run("configs").exception is error


def test_a_working_directory_that_was_deleted_is_said(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    (tmp_path / "a.png").touch()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    result = CliRunner().invoke(main, ["ocr", str(tmp_path / "a.png"), "--output", "read"])
    assert result.exit_code == 2
    assert result.stderr == "ppocrv2: the working directory was deleted; change to one that exists.\n"
