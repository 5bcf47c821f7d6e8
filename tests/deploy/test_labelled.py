"""Label files whose pictures lie in another folder: each command says so in one sentence, before any work."""

import re

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from ppocrv2_ext.cli import main
from ppocrv2_ext.deploy.labelled import TOLD, first_few, require_pictures
from ppocrv2_ext.errors import UserError

NAMES = [f"word_{number}.png" for number in range(1, 21)]
COMMANDS = {
    "compare": ["compare", "{model}", "{model}"],
    "verify": ["verify", "{model}"],
    "compress": ["compress", "{model}", "--output", "{model}/small"],
    "eval-system": ["eval-system", "--det", "{model}", "--rec", "{model}", "--cls", "none"],
}


@pytest.fixture
def labels(tmp_path):
    """A label file in words/split, as scripts/hold_out.py writes one: its pictures are in words."""
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
        f"word_1.png is in {above}, so give --data-dir {above}.\n"
    )


@pytest.mark.parametrize("command", ["compare", "verify", "compress"])
def test_with_the_folder_that_is_named_the_pictures_are_read(command, model_dir, labels):
    said = run(command, model_dir, "--data", labels).output
    (folder,) = re.findall(r"give --data-dir (.*)\.\n", said)
    assert run(command, model_dir, "--data", labels, "--data-dir", folder).exit_code == 0


@pytest.mark.parametrize("command", ["compare", "verify", "compress"])
def test_of_many_missing_pictures_the_first_are_named_and_the_others_counted(command, model_dir, labels):
    for name in NAMES[2:]:
        (labels.parent.parent / name).unlink()
    result = run(command, model_dir, "--data", labels, "--data-dir", labels.parent.parent)
    assert result.exit_code == 1, result.output
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


@pytest.mark.parametrize(("count", "told"), [(0, 0), (TOLD, TOLD), (TOLD + 1, TOLD + 1), (TOLD + 2, TOLD + 1)])
def test_a_list_is_cut_where_that_saves_a_line(count, told):
    names = [str(number) for number in range(count)]
    few = first_few(names)
    assert len(few) == told
    assert few == names or few == [*names[:TOLD], "and 2 more"]
