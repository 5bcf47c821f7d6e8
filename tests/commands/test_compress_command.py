"""`compress` through the command line, with a recognizer of random weights that is right by definition."""

import numpy as np
import pytest
from click.testing import CliRunner

from ppocrv2_ext.cli import main
from ppocrv2_ext.commands import compress, shrinking
from ppocrv2_ext.deploy import accuracy, quantize
from ppocrv2_ext.deploy.engine import load_engine
from ppocrv2_ext.deploy.labelled import open_samples, read_samples
from ppocrv2_ext.deploy.lines import read_texts
from ppocrv2_ext.deploy.settings import read_settings

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture
def labels(model_dir, samples, tmp_path):
    """A label file with what the recognizer reads in real pictures."""
    found = read_samples(samples / "icdar2015_words" / "test.txt", None, "rec", 12)
    lines = open_samples(found.samples).pictures
    read = read_texts(lines, load_engine(model_dir, "onnxruntime"), read_settings(model_dir, "rec"))
    file = tmp_path / "labels.txt"
    text = "".join(f"{sample.path}\t{text}\n" for sample, (text, _) in zip(found.samples, read) if text.strip())
    file.write_text(text, encoding="utf-8")
    return file


def run(*arguments):
    return CliRunner().invoke(main, ["compress", *map(str, arguments)])


def test_the_folder_that_is_written_reads_as_the_model_did(model_dir, labels, tmp_path):
    result = run(model_dir, "--data", labels, "--output", tmp_path / "small")
    assert result.exit_code == 0, result.output
    assert sorted(file.name for file in (tmp_path / "small").iterdir()) == ["inference.onnx", "inference.yml"]
    settings = read_settings(tmp_path / "small", "rec")
    opened = open_samples(read_samples(labels, None, "rec", 12).samples)
    texts = [sample.label for sample in opened.samples]
    engine = load_engine(tmp_path / "small", "onnxruntime")
    assert accuracy.measure_accuracy("rec", engine, settings, opened.pictures, texts) > 80
    sizes = [(folder / "inference.onnx").stat().st_size for folder in (model_dir, tmp_path / "small")]
    assert sizes[1] < 0.3 * sizes[0]


def test_a_line_of_the_labels_that_is_broken_is_named_and_the_others_count(model_dir, labels, tmp_path):
    with labels.open("a", encoding="utf-8") as file:
        file.write("no tab\n")
    result = run(model_dir, "--data", labels, "--output", tmp_path / "small")
    assert result.exit_code == 1
    assert f"{labels}:{len(labels.read_text().splitlines())}: it is not `image<TAB>label` in UTF-8.\n" in result.stderr
    assert (tmp_path / "small" / "inference.onnx").exists()


@pytest.mark.parametrize("half", [0, 1])
def test_labels_of_which_the_model_has_none_right_measure_nothing(model_dir, labels, tmp_path, half):
    lines = labels.read_text(encoding="utf-8").splitlines()
    lines[half::2] = [line.replace("\t", "\twrong ") for line in lines[half::2]]
    labels.write_text("\n".join(lines), encoding="utf-8")
    result = run(model_dir, "--data", labels, "--output", tmp_path / "small")
    assert result.exit_code == 2
    assert "the model has nothing right in one half of the pictures, so no loss could be seen" in result.stderr
    assert not (tmp_path / "small").exists()


def test_labels_without_a_box_to_find_measure_nothing():
    ignored, readable = ([(None, text)] for text in ("###", "abc"))
    assert not shrinking.shows_losses("det", shrinking.Half([], [[], ignored]), 100)
    assert shrinking.shows_losses("det", shrinking.Half([], [ignored, readable]), 100)
    assert not shrinking.shows_losses("det", shrinking.Half([], [ignored, readable]), 0)


RESULT = shrinking.Result(b"", [], [], (4 * 10**6, 10**6), (50, 49.5), 7, (0.002, 0.001), (0.4, 0.5, 0.6))


@pytest.mark.parametrize(("count", "said"), [(1, "on 1 picture held out"), (2, "on 2 pictures held out")])
def test_one_picture_is_told_as_one(count, said):
    assert said in compress.describe_costs("rec", RESULT._replace(checked=count))[1][-1]


def test_nothing_lost_is_told_without_a_minus():
    assert compress.describe_costs("rec", RESULT._replace(accuracies=(50, 50)))[1][-1].startswith("+0.00 points")


def test_costs_by_hand():
    assert compress.describe_costs("det", RESULT) == [
        ["size, MB", "4.000", "1.000", "x 0.25"],
        ["F1 of boxes, %", "50.00", "49.50", "-0.50 points on 7 pictures held out"],
        ["time of a picture, ms", "2.0", "1.0", "x 0.50 (0.40 to 0.60)"],
    ]


def test_size_accuracy_and_speed_stand_first_and_the_place_last(model_dir, labels, tmp_path):
    result = run(model_dir, "--data", labels, "--output", tmp_path / "small")
    lines = result.stdout.splitlines()
    starts = ["size, MB", "texts right, %", "time of a picture, ms", "Case and spaces count. ", "1 of 1 weights"]
    assert all(map(str.startswith, lines[1:], starts))
    assert lines[-2].split("  ")[:2] == ["kernel", "32 x 3 x 32 x 16"]
    assert lines[-1] == f"Written to {tmp_path / 'small'}"


@pytest.mark.parametrize(("count", "told"), [(5, None), (6, 1), (35, 30)])
def test_of_many_weights_those_that_cost_most_are_listed_and_the_others_counted(capsys, count, told):
    tried = [
        quantize.Sensitivity(quantize.Weight(f"w{number}", "Conv", (64, 64)), 1 / (number + 1))
        for number in range(count)
    ]
    result = RESULT._replace(names=[each.weight.name for each in tried[2:]], sensitivities=tried)
    assert [(row[0], row[-1]) for row in compress.describe_weights(result)] == [
        ("w0", "float"),
        ("w1", "float"),
        *((f"w{number}", "int8") for number in (2, 3, 4)),
    ]
    compress.print_result("rec", result)
    lines = capsys.readouterr().out.splitlines()
    assert f"{count - 2} of {count} weights are int8, 2 stay float." in lines
    if told:
        assert lines[-1] == f"{told} more weights change less for each byte."
    else:
        assert "more" not in lines[-1]


def test_what_loses_too_much_is_not_written(model_dir, labels, tmp_path, monkeypatch):
    def destroy(array, axes):
        return np.zeros(array.shape, np.int8), np.ones((1,) * array.ndim, np.float32)

    monkeypatch.setattr(quantize, "quantize", destroy)
    result = run(model_dir, "--data", labels, "--output", tmp_path / "small", "--max-drop", 5)
    assert result.exit_code == 1
    assert "nothing is written" in result.output
    assert "--max-drop allows 5" in result.output
    assert not (tmp_path / "small").exists()


def test_a_model_is_not_compressed_twice(model_dir, labels, tmp_path):
    run(model_dir, "--data", labels, "--output", tmp_path / "small")
    result = run(tmp_path / "small", "--data", labels, "--output", tmp_path / "smaller")
    assert result.exit_code == 2
    assert "compressed already" in result.output


def test_labels_of_scenes_are_no_texts_of_lines(model_dir, samples, tmp_path):
    result = run(model_dir, "--data", samples / "icdar2015_scenes" / "test.txt", "--output", tmp_path / "small")
    assert result.exit_code == 2
    assert "test.txt:1: the label is a list of boxes, and not the text of a line" in result.output


@pytest.mark.parametrize("name", ["inference.json", "inference.pdmodel", "inference.onnx"])
def test_the_folder_of_an_exported_model_is_not_written_into(model_dir, labels, tmp_path, name):
    (tmp_path / name).write_text("{}")
    result = run("--output", tmp_path, "--data", labels, model_dir)
    assert result.exit_code == 2
    assert "holds an exported model" in result.output
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith("inference")] == [name]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["official"], "--kind det, rec or cls"),
        (["nowhere"], "there is no such folder"),
        (["{model}", "--max-drop", "nan"], "--max-drop must be a number from 0 to 100, got nan"),
        (["{model}", "--max-drop", "inf"], "not in the range 0<=x<=100"),
        (["{model}", "--kind", "det"], "of the kind rec, not det"),
        (["{model}", "--output", "{model}"], "the folder of the model itself"),
    ],
)
def test_a_wrong_call_is_refused_in_a_sentence(arguments, words, model_dir, labels, tmp_path):
    filled = [argument.format(model=model_dir) for argument in arguments]
    result = run("--output", tmp_path / "small", "--data", labels, *filled)
    assert result.exit_code == 2
    assert words in result.output
    assert not (tmp_path / "small").exists()


@pytest.mark.slow
def test_the_official_recognizer_loses_less_than_a_point_of_words(shared_data, tmp_path):
    data = shared_data / "icdar2015_words" / "train.txt"
    result = run("official", "--kind", "rec", "--data", data, "--output", tmp_path / "small")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "small" / "inference.onnx").stat().st_size < 2.5e6
