"""What a report says about a finding: the next step, with the value to set."""

import os
import re
import subprocess
import sys

import pytest
from PIL import Image
from small_sets import counts, lcnet, train_set, words, write

from ppocrv2_ext.data import clean, findings
from ppocrv2_ext.data.advice import ADVICE, advise, advise_tabs
from ppocrv2_ext.data.reasons import REASONS


def test_every_reason_has_a_next_step():
    assert [name for name, reason in REASONS.items() if not reason.advice and name not in ADVICE] == []


@pytest.mark.parametrize(
    ("lines", "advice"),
    [
        (["crops/a.jpg,one", "b.JPG,a, b"], "comma of each line, such as by `sed '/\\t/! s/, */\\t/' OLD > NEW`"),
        (["image,text", "a.png;one", "b.png;two"], "semicolon of each line, such as by `sed '/\\t/! s/; */\\t/' "),
        (["a.png  one", "b.png two"], "space of each line, such as by `sed '/\\t/! s/  */\\t/' OLD > NEW`"),
        (["my pic.jpg one", "b.png two"], "put a tab between the image and its label"),
        (["a.png,one", "b.png two"], "put a tab between the image and its label"),
        (["EXIT", "NORTH"], "put a tab between the image and its label"),
    ],
)
def test_the_advice_on_lines_without_a_tab_says_how_they_get_one(folder, lines, advice):
    said = advise(train_set(words(folder, *lines)), "no-tab")
    assert said.startswith(f"in {len(lines)} of {len(lines)} lines there is no tab; ")
    assert advice in said


@pytest.mark.parametrize(
    ("lines", "written"),
    [
        (["a.png,one", "b.png, a, b", "c.png\td, e"], ["a.png\tone", "b.png\ta, b", "c.png\td, e"]),
        (["a.png one", "b.png  two words"], ["a.png\tone", "b.png\ttwo words"]),
        (['a.png,"one, two"', '"b.png","say ""hi"""'], ["a.png\tone, two", 'b.png\tsay "hi"']),
    ],
)
def test_the_command_of_that_advice_writes_a_label_file(tmp_path, lines, written):
    (tmp_path / "OLD").write_text("".join(f"{line}\n" for line in lines))
    (command,) = re.findall("`(.*)`", advise_tabs([line for line in lines if "\t" not in line]))
    subprocess.run(command.replace("python", sys.executable), shell=True, cwd=tmp_path, check=True)
    assert (tmp_path / "NEW").read_text().splitlines() == written


def test_the_advice_on_long_texts_gives_the_value_to_set(folder):
    data_set = train_set(words(folder, "a.png\tabc", "a.png\tabcabca", "a.png\tabcabcabc", max_text_length=6))
    assert advise(data_set, "long-label") == (
        "in 2 of 3 lines the text is longer than 6, up to 9 characters; set Global.max_text_length=9"
    )


def test_the_advice_on_few_frames_gives_the_width_to_set(folder):
    config = words(folder, "a.png\taaaaaaaaaa", "a.png\tabcabcabca")
    assert advise(train_set(config, frames=lcnet(32)), "few-frames") == (
        "in 2 of 2 lines the text needs more than the 8 frames that LCNet makes of 32 pixels, up to 19 for"
        " 'aaaaaaaaaa'; set the width in RecResizeImg.image_shape to 96"
    )
    assert not train_set(config, frames=lcnet(96)).places


def test_a_space_at_an_end_of_a_text_is_kept_and_named(folder):
    data_set = train_set(words(folder, "a.png\tab ", "a.png\ta b", "a.png\t\u3000a", use_space_char=True))
    assert [place.rpartition(":")[2] for place in data_set.places["outer-space"]] == ["1"]  # no other is learnt
    assert data_set.usable_samples[0].check.label == "ab "


def test_a_missing_space_asks_for_use_space_char(folder):
    assert "set Global.use_space_char=true" in advise(train_set(words(folder, "a.png\ta b")), "unknown-character")


def test_a_space_among_other_unknown_characters_has_a_step_of_its_own(folder):
    assert advise(train_set(words(folder, "a.png\ta bü", "a.png\tüc")), "unknown-character") == (
        "in 2 of 2 lines there is a space; set Global.use_space_char=true; there are characters that"
        f" {folder / 'dictionary.txt'} lacks: 'ü' (2 times); add them to a copy of it and name that in"
        " Global.character_dict_path; or set Global.unknown_characters=skip to leave these lines out"
    )


def test_marks_that_nfc_removes_are_not_to_be_added(folder):
    config = words(folder, "a.png\te\u0301ß")
    write(folder / "dictionary.txt", *"eé")
    said = advise(train_set(config), "unknown-character")
    assert "lacks: 'ß' (once);" in said
    assert "U+0301" not in said


@pytest.mark.parametrize("lines", [["e ", " é"], ["e", "e\u0301"]])
@pytest.mark.parametrize("text", ["é", "éß", "e\u0301ß"])
def test_characters_of_a_dictionary_whose_lines_are_to_be_mended_are_not_to_be_added(folder, lines, text):
    config = words(folder, f"a.png\t{text}")
    write(folder / "dictionary.txt", *lines)
    data_set = train_set(config)
    said = advise(data_set, "unknown-character")
    assert f"whose lines in {folder / 'dictionary.txt'} are to be mended first" in said
    assert re.findall("lacks: (.*?);", said) == (["'ß' (once)"] if "ß" in text else [])
    assert "language" not in " ".join(advise(data_set, reason) for reason in data_set.places)


def test_equal_texts_are_doubted_and_the_list_of_states_of_ppocrlabel_is_known(folder):
    data_set = train_set(words(folder, *[f"{folder}/a.png\t1"] * 10, unknown_characters="drop-character"))
    assert counts(data_set)["equal-texts"] == 10
    assert data_set.is_doubtful
    assert "looks like PPOCRLabel's fileState.txt" in advise(data_set, "equal-texts")
    data_set = train_set(words(folder, *["a.png\tabc"] * 10))
    assert advise(data_set, "equal-texts").startswith("in 10 of 10 lines the text is 'abc'; see if ")


@pytest.mark.parametrize("lines", [["a.png\tabc"] * 9, [*["a.png\tabc"] * 10, "a.png\tb"]])
def test_few_or_different_texts_are_not_doubted(folder, lines):
    assert not train_set(words(folder, *lines)).places


@pytest.mark.parametrize(
    ("size", "text", "is_named"), [((20, 30), "ab", True), ((20, 29), "ab", False), ((20, 60), "a", False)]
)
def test_a_line_that_ocr_would_turn_is_kept_and_named(folder, size, text, is_named):
    Image.new("RGB", size).save(folder / "line.png")
    data_set = train_set(words(folder, f"line.png\t{text}"))
    assert counts(data_set) == ({"upright-line": 1} if is_named else {})
    assert not data_set.is_doubtful


def test_without_a_dictionary_one_is_to_be_written(folder):
    data_set = train_set(words(folder, "a.png\ta [b", character_dict_path=None))
    said = advise(data_set, "unknown-character")
    assert "without a dictionary PaddleOCR reads digits and Latin letters alone, and there are " in said
    assert "; write a dictionary, one character a line, and name it in Global.character_dict_path; or set" in said
    assert "'['" in said
    assert "use_space_char" not in said  # PaddleOCR does not read it without a dictionary


def test_characters_that_do_not_show_are_named_by_code_point(folder):
    data_set = train_set(words(folder, "a.png\ta\u0301b\u200b"))
    assert "U+0301 (COMBINING ACUTE ACCENT) (once)" in findings.list_unknown_characters(data_set)
    assert "delete U+200B (ZERO WIDTH SPACE) from the labels" in advise(data_set, "unknown-character")


def test_composed_texts_are_suggested_or_written(folder):
    config = words(folder, "a.png\tcafe\u0301")
    write(folder / "dictionary.txt", *"cafeé")
    assert advise(train_set(config), "decomposed").endswith("form (NFC); set Global.unicode_form=NFC")
    config["Global"]["unicode_form"] = "NFC"
    data_set = train_set(config)
    assert counts(data_set) == {"decomposed": 1}
    (file,) = clean.write_clean_files(data_set, folder / "labels")
    assert file.read_text(encoding="utf-8") == "a.png\tcafé\n"


@pytest.mark.parametrize(
    ("name", "place", "data_dir", "advice"),
    [
        ("images/a.png", "images/a.png", "images", "there is images/a.png: set Train.dataset.data_dir=."),
        ("old/images/a.png", "images/a.png", "images", "take old/images off the front of the names"),
        ("b.png", "more/b.png", "images", "there is more/b.png: set Train.dataset.data_dir=more"),
        ("a.PNG", "images/a.png", "images", "there is images/a.png"),
        ("sub\\a.png", "images/sub/a.png", "images", "write / in place of"),
        (" a.png", "images/a.png", "images", "take the spaces around ' a.png'"),
    ],
)
def test_the_advice_on_missing_images_says_where_they_are(folder, monkeypatch, name, place, data_dir, advice):
    monkeypatch.chdir(folder)
    for each in ("images", "more", os.path.dirname(place)):
        (folder / each).mkdir(exist_ok=True)
    (folder / "a.png").rename(folder / place)
    write(folder / "more" / "words.txt", f"{name}\tabc")
    config = words(folder, "unused")
    config["Train"]["dataset"].update(data_dir=data_dir, label_file_list=["more/words.txt"])
    said = advise(train_set(config), "missing-image")
    assert f"the first missing one is {folder / data_dir / name}" in said
    assert advice in said
