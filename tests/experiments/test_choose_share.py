"""Means of a fine-tune and its start are read as `ppocrv2 eval` reads them."""

import re
from pathlib import Path

import numpy as np
import pytest
from choose_share import main
from click.testing import CliRunner

from ppocrv2_ext.checkpoints.pdparams import read_arrays, write_checkpoint
from ppocrv2_ext.commands import average

NOISE = 0.2  # in standard deviations of each tensor
GOLDEN = Path(__file__).resolve().parent.parent / "golden"


@pytest.fixture
def run(wheel, tmp_path, monkeypatch):
    """``run(*arguments)`` beside the recognizer of tests/golden and ``start``, that recognizer with noise."""
    monkeypatch.chdir(GOLDEN)
    rng = np.random.default_rng(2)
    params = read_arrays("recognizer")
    for name, value in params.items():
        if value.dtype == np.float32 and not name.endswith(("_mean", "_variance")):
            params[name] = value + NOISE * value.std() * rng.normal(size=value.shape).astype(value.dtype)
    write_checkpoint(params, tmp_path, "start", GOLDEN / "characters.txt")
    sets = ["--set", "words", "words", "words/words.txt", "--set", "again", "words", "words/words.txt"]

    def run(*arguments, files=(tmp_path / "start", "recognizer")):
        paths = ["--start", str(files[0]), "--tuned", str(files[1])]
        return CliRunner().invoke(main, ["-c", "config.yml", *paths, *sets, *map(str, arguments)])

    return run


def read_table(output):
    """{share: the cells of the sets}."""
    rows = [line.strip("| ").split(" | ") for line in output.splitlines() if re.match(r"\| \d", line)]
    return {share: cells for share, *cells in rows}


def test_each_share_has_a_row_and_each_set_a_column(run):
    done = run("--shares", "0,0.6,1")
    assert done.exit_code == 0, done.output
    assert "| share of the fine-tune | words | again |" in done.output
    table = read_table(done.output)
    assert list(table) == ["0", "0.6", "1"]
    assert all(first == second for first, second in table.values())
    assert float(table["0"][0]) < float(table["1"][0])


def test_a_mean_reads_what_eval_reads_with_the_average_of_the_same_shares(run, ppocrv2_here, tmp_path):
    (read, _) = read_table(run("--shares", "0.7").output)["0.7"]
    average.average([tmp_path / "start", GOLDEN / "recognizer"], str(tmp_path / "mean"), [0.3, 0.7])
    done = ppocrv2_here("eval", "-c", "config.yml", "-o", f"Global.pretrained_model={tmp_path / 'mean'}", cwd=GOLDEN)
    accuracy = next(line for line in done.stdout.splitlines() if "acc:" in line).rpartition("acc:")[2]
    assert 0 < float(accuracy) < 1, "the words of this test tell no share from another"
    assert read == f"{float(accuracy):.3f}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--shares", "0.5,1.5"], "--shares 0.5,1.5: give numbers from 0 to 1."),
        (["--shares", "nan"], "--shares nan: give numbers from 0 to 1."),
        (["--shares", "half"], "'--shares': 'half' is not numbers with commas between them"),
        (["--set", "none", "words", "words/none.txt"], "none.txt"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(run, arguments, said):
    done = run(*arguments)
    assert done.exit_code == 2
    assert said in done.output


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("det/ch_PP-OCRv2_det_student_finetune", "the config is of a det network; name that of a recognizer."),
        (
            "rec/ch_PP-OCRv2_rec_distillation_finetune",
            "the config has the networks Student, Teacher; write one",
        ),
    ],
)
def test_a_config_of_another_kind_or_of_several_networks_is_refused(run, config, said):
    done = run("-c", config)
    assert done.exit_code == 2
    assert said in done.output


def test_one_file_for_both_is_refused(run):
    done = run(files=("recognizer", "recognizer.pdparams"))
    assert done.exit_code == 2
    assert "--start and --tuned are one file, recognizer; name the fine-tune and what it began from." in done.output


def test_weights_that_are_not_there_are_named(run, tmp_path):
    done = run(files=(tmp_path / "start", tmp_path / "nothing"))
    assert done.exit_code == 2
    assert "--tuned" in done.output
