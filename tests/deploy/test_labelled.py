"""Label files whose pictures lie in another folder: each command says so in one sentence, before any work."""

import re

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from ppocrv2_ext.cli import main
from ppocrv2_ext.deploy import labelled
from ppocrv2_ext.deploy.engine import load_engine
from ppocrv2_ext.deploy.labelled import Sample, open_samples, read_samples, require_pictures
from ppocrv2_ext.deploy.lines import read_texts
from ppocrv2_ext.deploy.pictures import load_image
from ppocrv2_ext.deploy.settings import read_settings
from ppocrv2_ext.errors import TOLD, UserError

NAMES = [f"word_{number}.png" for number in range(1, 21)]
COMMANDS = {
    "compare": ["compare", "{model}", "{model}"],
    "verify": ["verify", "{model}"],
    "compress": ["compress", "{model}", "--output", "{model}/small"],
    "eval-system": ["eval-system", "--det", "{model}", "--rec", "{model}", "--cls", "none"],
}


@pytest.fixture
def labels(tmp_path):
    """A label file in words/split, as `split` writes one: its pictures are in words."""
    file = tmp_path / "words" / "split" / "train.txt"
    file.parent.mkdir(parents=True)
    for name in NAMES:
        cv2.imwrite(str(tmp_path / "words" / name), np.full((32, 90, 3), 255, np.uint8))
    file.write_text("".join(f"{name}\tabc\n" for name in NAMES), encoding="utf-8")
    return file


def run(command, model, *arguments):
    filled = [word.format(model=model) for word in COMMANDS[command]]
    return CliRunner().invoke(main, [*filled, *map(str, arguments)])


@pytest.mark.parametrize("command", COMMANDS)
def test_labels_whose_pictures_are_elsewhere_are_refused_in_one_sentence(command, model_dir, labels):
    if command == "eval-system":
        labels.write_text("".join(f"{name}\t[]\n" for name in NAMES), encoding="utf-8")
    result = run(command, model_dir, "--data", labels)
    above = labels.parent.parent
    assert result.exit_code == 2
    assert result.output == (
        f"ppocrv2: {labels}: none of its 20 pictures is in {labels.parent}, where they are looked for; "
        f"word_1.png is in {above}, so give `--data-dir {above}`.\n"
    )


@pytest.mark.parametrize("command", ["compare", "verify", "compress"])
def test_with_the_folder_that_is_named_the_pictures_are_read(command, model_dir, labels):
    engine, settings = load_engine(model_dir, "onnxruntime"), read_settings(model_dir, "rec")
    ((text, _),) = read_texts([load_image(labels.parent.parent / NAMES[0])], engine, settings)
    labels.write_text("".join(f"{name}\t{text}\n" for name in NAMES), encoding="utf-8")
    said = run(command, model_dir, "--data", labels).output
    (folder,) = re.findall(r"give `--data-dir (.*)`\.\n", said)
    assert run(command, model_dir, "--data", labels, "--data-dir", folder).exit_code == 0


@pytest.mark.parametrize("command", ["compare", "verify", "compress"])
def test_of_many_missing_pictures_the_first_are_named_and_the_others_counted(command, model_dir, labels):
    for name in NAMES[2:]:
        (labels.parent.parent / name).unlink()
    result = run(command, model_dir, "--data", labels, "--data-dir", labels.parent.parent)
    assert result.exit_code == (2 if command == "compress" else 1), result.output  # the model reads no "abc"
    assert result.stderr.count(": No such file or directory.") == TOLD
    assert f"ppocrv2: and {len(NAMES) - 2 - TOLD} more.\n" in result.stderr


def test_every_label_file_is_looked_at_before_a_model_is_loaded(labels):
    sound = labels.parent.parent / "all.txt"
    sound.write_text(labels.read_text())
    result = run("compare", "nowhere", "--data", sound, "--data", labels)
    assert result.exit_code == 2
    assert f"{labels}: none of its 20 pictures" in result.stderr


def test_pictures_that_are_nowhere_near_are_asked_for(labels):
    labels.write_text("far/a.png\tabc\nfar/b.png\tabc\n")
    with pytest.raises(UserError, match=r"; name the folder that far/a.png is relative to with --data-dir\.$"):
        require_pictures(labels, None)


@pytest.mark.parametrize(("inside", "above"), [("", "."), ("deep", "..")])
def test_the_folder_above_is_named_from_the_working_directory(labels, monkeypatch, inside, above):
    folder = labels.parent.relative_to(labels.parent.parent)
    monkeypatch.chdir(labels.parent if inside else labels.parent.parent)
    with pytest.raises(UserError, match=re.escape(f", so give `--data-dir {above}`.")):
        require_pictures(labels.name if inside else folder / labels.name, None)


def test_a_folder_that_was_named_and_has_none_is_said(labels, tmp_path):
    with pytest.raises(UserError, match=re.escape(f"none of its 20 pictures is in {tmp_path}/other, where")):
        require_pictures(labels, tmp_path / "other")


def test_one_picture_is_told_as_one(labels):
    labels.write_text("a.png\tabc\n\na.png\tdef\n")
    with pytest.raises(UserError, match=r"its only picture is not in .*, where it is looked for;"):
        require_pictures(labels, None)


@pytest.mark.parametrize("line", ["/gone/a.png\tabc\n", "", "no tab\n", "a\0.png\tabc\n", "x" * 5000 + "\tabc\n"])
def test_labels_that_another_folder_would_not_help_are_let_pass(line, labels):
    labels.write_text(line)
    require_pictures(labels, None)


def test_one_picture_that_is_there_is_enough(labels):
    labels.write_text(labels.read_text() + '["gone.png", "../word_1.png"]\tabc\n')
    require_pictures(labels, None)


BOXES = '[{"transcription": "x", "points": [[0, 0], [9, 0], [9, 9], [0, 9]]}]'
LABEL = {"det": BOXES, "rec": "x", "cls": "180"}


class TestSamples:
    @pytest.fixture
    def write(self, tmp_path):
        """Write a label file, and the pictures ``0.png`` to ``99.png`` beside it: ``write(content)``."""
        for number in range(100):
            (tmp_path / f"{number}.png").touch()

        def write(content):
            (tmp_path / "labels.txt").write_bytes(content)
            return tmp_path / "labels.txt"

        return write

    def test_they_come_from_all_parts_of_the_file(self, write, tmp_path):
        file = write(b"".join(b"%d.png\t%d\n" % (n, n) for n in range(100)))
        samples, problems = read_samples(file, None, "rec", 4)
        assert samples == [
            Sample(tmp_path / f"{n}.png", str(n), f"{n}.png", f"{file}:{n + 1}") for n in (0, 25, 50, 75)
        ]
        assert problems == []
        assert len(read_samples(file, None, "rec").samples) == 100

    @pytest.mark.parametrize("kind", LABEL)
    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            (b"2.png\t\xff", "it is not `image<TAB>label` in UTF-8"),
            (b"2.png", "it is not `image<TAB>label` in UTF-8"),
        ],
    )
    def test_a_broken_line_is_told_and_left_out(self, write, tmp_path, kind, line, problem):
        sound = LABEL[kind].encode()
        file = write(b"\n1.png\t%s\n" % sound + line.replace(b"%s", sound) + b"\n3.png\t%s\n" % sound)
        samples, problems = read_samples(file, None, kind)
        assert [sample.path.name for sample in samples] == ["1.png", "3.png"]
        (sentence,) = problems
        assert sentence.startswith(f"{file}:3: ")
        assert problem.format(file=file) in sentence

    def test_a_line_may_stand_twice(self, write, tmp_path):
        file = write(b"1.png\tx\n2.png\ty\n1.png\tx\n")
        samples, problems = read_samples(file, None, "rec")
        assert samples == [
            Sample(tmp_path / f"{n}.png", label, f"{n}.png", f"{file}:{n}") for n, label in ((1, "x"), (2, "y"))
        ]
        assert problems == []

    @pytest.mark.parametrize("name", ["./1.png", ".//1.png", "w/../1.png"])
    def test_another_spelling_of_a_picture_is_the_same_picture(self, write, name):
        samples, problems = read_samples(write(f"1.png\tx\n{name}\tx\n".encode()), None, "rec")
        assert [sample.name for sample in samples] == ["1.png"]
        assert problems == []

    def test_a_picture_with_two_labels_is_told(self, write, tmp_path):
        file = write(b"1.png\tx\n1.png\ty\n")
        samples, problems = read_samples(file, None, "rec")
        assert samples == [Sample(tmp_path / "1.png", "x", "1.png", f"{file}:1")]
        assert problems == [f"{file}:2: {tmp_path / '1.png'} has another label at {file}:1; label it in one line"]

    @pytest.mark.parametrize(
        ("kind", "label", "problem"),
        [
            ("det", "x", "no boxes of a picture (it is not JSON"),
            ("det", BOXES.replace('"x"', "null"), "no boxes of a picture (a transcription must be a text"),
            ("rec", BOXES, "the label is a list of boxes, and not the text of a line"),
            ("cls", BOXES, "the label is a list of boxes, and not the text of a line"),
        ],
    )
    def test_the_label_of_another_model_is_told_and_left_out(self, write, kind, label, problem):
        file = write(f"1.png\t{label}\n2.png\t{LABEL[kind]}\n".encode())
        samples, problems = read_samples(file, None, kind)
        assert [sample.path.name for sample in samples] == ["2.png"]
        (sentence,) = problems
        assert sentence.startswith(f"{file}:1: {problem}")

    @pytest.mark.parametrize(
        ("kind", "content", "reason"),
        [
            ("det", b"1.png\tx\n", 'must be image<TAB>[{"transcription", "points"}, ...]; {file}:1: no boxes'),
            ("rec", f"1.png\t{BOXES}".encode(), "must be image<TAB>text; {file}:1: the label is a list"),
            ("cls", b"\n \n", "must be image<TAB>text; it is empty."),
        ],
    )
    def test_a_file_without_a_sample_is_refused(self, write, kind, content, reason):
        file = write(content)
        with pytest.raises(UserError, match=re.escape(reason.replace("{file}", str(file)))):
            read_samples(file, None, kind)

    def test_a_file_is_read_once(self, write, monkeypatch):
        file, read = write(b"1.png\tx\n"), []
        entries = labelled.read_entries
        monkeypatch.setattr(labelled, "read_entries", lambda path: read.append(path) or entries(path))
        read_samples(file, None, "rec")
        assert read == [file]

    def test_a_picture_that_cannot_be_read_is_named_and_the_others_count(self, labels):
        folder = labels.parent.parent
        gone, there = (Sample(folder / name, "x", name, f"{labels}:7") for name in ("gone.png", NAMES[0]))
        samples, pictures, problems = open_samples([gone, there])
        assert (samples, len(pictures)) == ([there], 1)
        assert problems == [f"{labels}:7: {folder}/gone.png: No such file or directory"]


@pytest.mark.parametrize(("kind", "label"), [("rec", "abc"), ("det", "[]")])
def test_every_picture_of_a_line_is_a_sample(tmp_path, kind, label):
    file = tmp_path / "labels.txt"
    file.write_text(f'["a.png", "b.png", "a.png"]\t{label}\nc.png\t{label}\n["c.png", "b.png"]\tother\n')
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).touch()
    found = read_samples(file, None, kind)
    assert [sample.name for sample in found.samples] == ["a.png", "b.png", "c.png"]
    assert len({str(sample.label) for sample in found.samples}) == 1
    assert len(found.problems) == (2 if kind == "rec" else 1)
