"""Rendered lines: the same for the same seed, only the recognizer's characters, degradations that do what they say."""

import random
import re

import cv2
import numpy as np
import pytest
from experiments.synthetic import drawing, lines, typefaces, words

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.preview import fonts

pytest.importorskip("jieba")
pytest.importorskip(fonts.FONT_PACKAGE)

CHARACTERS = (
    frozenset(chr(code) for code in range(0x4E00, 0x5A00)) | frozenset(map(chr, range(33, 127))) | {"月", "日", "年"}
)
PLAIN = drawing.Look(
    font="sans",
    size=32,
    spacing=0.0,
    weight=0.0,
    stretch=1.0,
    margins=(0.1, 0.1, 0.1, 0.1),
    rotation=0.0,
    corners=((0, 0),) * 4,
    ink=(10, 20, 30),
    papers=((200, 210, 220),) * 2,
    slope=0.0,
    shadow=None,
    reduction=1.0,
    motion=(1, 0),
    blur=0.01,
    noise=0.0,
    noise_seed=0,
    jpeg=100,
)


@pytest.fixture(scope="module")
def data_set(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lines")
    lines.render_lines(folder, 30, 5, CHARACTERS, test_count=10)
    return folder


def _labels(folder, name):
    return [row.split("\t") for row in (folder / f"{name}.txt").read_text(encoding="utf-8").splitlines()]


class TestDataSet:
    def test_every_label_has_a_readable_picture(self, data_set):
        for name, count in (("train", 30), ("test", 10)):
            rows = _labels(data_set, name)
            assert len(rows) == count
            assert all(cv2.imread(str(data_set / path)).shape[2] == 3 for path, _ in rows)

    def test_labels_have_only_characters_of_the_dictionary(self, data_set):
        texts = [text for name in ("train", "test") for _, text in _labels(data_set, name)]
        assert set("".join(texts)) <= CHARACTERS | {" "}

    def test_no_text_occurs_twice(self, data_set):
        texts = [text for name in ("train", "test") for _, text in _labels(data_set, name)]
        assert len(set(texts)) == len(texts)

    def test_the_same_seed_writes_the_same_bytes(self, data_set, tmp_path):
        lines.render_lines(tmp_path, 30, 5, CHARACTERS, test_count=10)
        files = sorted(path.relative_to(data_set) for path in data_set.rglob("*.*"))
        assert len(files) == 42
        assert all((data_set / file).read_bytes() == (tmp_path / file).read_bytes() for file in files)

    def test_another_seed_writes_other_lines(self, data_set, tmp_path):
        lines.render_lines(tmp_path, 5, 6, CHARACTERS, test_count=1)
        assert _labels(tmp_path, "train") != _labels(data_set, "train")[:5]

    def test_global_randomness_is_not_touched(self, tmp_path):
        random.seed(1), np.random.seed(1)
        state = random.getstate(), np.random.get_state()[1].tolist()
        lines.render_lines(tmp_path, 2, 6, CHARACTERS, test_count=1)
        assert (random.getstate(), np.random.get_state()[1].tolist()) == state

    def test_a_count_below_one_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match="at least 1, got 5 and 0"):
            lines.render_lines(tmp_path, 5, 0, CHARACTERS, test_count=0)


class TestWords:
    def test_a_dictionary_without_chinese_is_refused(self):
        with pytest.raises(UserError, match="no Chinese word"):
            words.read_chinese_words(frozenset("abc"))

    def test_a_missing_word_list_is_named_with_the_command(self, monkeypatch):
        monkeypatch.setattr(words.util, "find_spec", lambda name: None)
        with pytest.raises(UserError, match="pip install jieba==0.42.1"):
            words.read_chinese_words(CHARACTERS)

    def test_chinese_latin_and_figures_occur(self):
        rng, (known, weights) = random.Random(0), words.read_chinese_words(CHARACTERS)
        texts = [words.choose_text(rng, known, weights) for _ in range(200)]
        for pattern in (r"^[\u4e00-\u9fff]+$", r"^[A-Z][a-z]+$", r"^\d{4}-\d\d-\d\d$", " "):
            assert any(re.search(pattern, text) for text in texts)

    def test_more_lines_than_can_be_written_are_refused(self, tmp_path):
        with pytest.raises(UserError, match="ask for fewer"):
            lines.render_lines(tmp_path, 40, 0, "一些", test_count=1)


class TestLook:
    def test_both_fonts_are_drawn(self):
        rng = random.Random(0)
        assert {lines.choose_look(rng).font for _ in range(50)} == {"sans", "serif"}

    def test_paper_and_ink_can_be_told_apart(self):
        rng = random.Random(0)
        differences = [
            abs(np.mean(ink) - np.mean(papers[0])) for papers, ink in (lines.choose_colours(rng) for _ in range(300))
        ]
        assert min(differences) > 10
        assert max(differences) > 150

    def test_printed_text_is_dark_on_light_paper(self):
        rng = random.Random(0)
        colours = [lines.choose_colours(rng, "print") for _ in range(300)]
        assert min(np.mean(paper) - np.mean(ink) for (paper, _), ink in colours) > 60


class TestDrawing:
    def test_a_plain_look_has_the_ink_and_the_paper(self):
        picture = drawing.render("一丁", PLAIN)
        assert np.abs(picture.reshape(-1, 3).min(0).astype(int) - PLAIN.ink).max() <= 6
        assert np.abs(picture[0, 0].astype(int) - PLAIN.papers[0]).max() <= 4

    def test_the_same_look_draws_the_same_picture(self):
        look = lines.choose_look(random.Random(3))
        np.testing.assert_array_equal(drawing.render("七上八下", look), drawing.render("七上八下", look))

    def test_spacing_and_stretch_change_the_width(self):
        width = drawing.render("三丁七", PLAIN).shape[1]
        assert drawing.render("三丁七", PLAIN._replace(spacing=0.5)).shape[1] == pytest.approx(width + 32, abs=2)
        assert drawing.render("三丁七", PLAIN._replace(stretch=0.5)).shape[1] == pytest.approx(width / 2, abs=6)

    def test_weight_adds_or_takes_ink(self):
        thin, plain, bold = (
            drawing.draw_glyphs("永", PLAIN._replace(weight=weight)).mean() for weight in (-0.02, 0, 0.04)
        )
        assert thin < plain < bold

    def test_a_reduction_of_one_half_halves_the_photograph(self):
        assert np.array(drawing.render("一丁", PLAIN._replace(reduction=0.5)).shape[:2]) * 2 == pytest.approx(
            np.array(drawing.render("一丁", PLAIN).shape[:2]), abs=2
        )

    def test_rotation_makes_the_box_higher(self):
        straight, turned = (drawing.render("一丁七下", look) for look in (PLAIN, PLAIN._replace(rotation=5)))
        assert turned.shape[0] > straight.shape[0]

    def test_blur_and_motion_soften(self):
        def sharpness(look):
            return cv2.Laplacian(drawing.render("永", look), cv2.CV_64F).std()

        assert sharpness(PLAIN._replace(blur=1.0)) < sharpness(PLAIN) / 2
        assert sharpness(PLAIN._replace(motion=(5, 30))) < sharpness(PLAIN) / 1.3

    def test_a_motion_kernel_sums_to_one_and_lies_along_its_direction(self):
        kernel = drawing.make_motion_kernel(4, 0)
        assert kernel.sum() == pytest.approx(1)
        assert (kernel[2] > 0).all()
        assert not np.delete(kernel, 2, axis=0).any()

    def test_a_shadow_is_darkest_in_its_middle(self):
        factors = drawing.make_shadow(101, 0.3, 0.1, 0.4)
        assert factors.argmin() == 30
        assert factors.min() == pytest.approx(0.6)
        assert factors[-1] == pytest.approx(1, abs=1e-6)

    @pytest.mark.parametrize("name", typefaces.FONTS)
    def test_a_missing_font_is_named_with_the_command(self, monkeypatch, name):
        monkeypatch.setattr(fonts.util, "find_spec", lambda name: None)
        command = f"pip install {typefaces.REQUIREMENTS[typefaces.FONTS[name].package]}"
        with pytest.raises(UserError, match=f"^the font '{name}' is not installed; run `{command}`.$"):
            typefaces.load_typeface(name, 20)


MADE_UP_COUNTS = {"train": 20, "val": 5, "test": 10}


class TestMadeUpWords:
    @pytest.mark.parametrize(("alphabet", "characters"), [("words", 36), ("digits", 10)])
    def test_no_word_is_in_two_parts_and_the_dictionary_has_all_characters(self, tmp_path, alphabet, characters):
        lines.render_words(tmp_path, MADE_UP_COUNTS, 1, ["sans", "serif"], alphabet)
        texts = [text for part in MADE_UP_COUNTS for _, text in _labels(tmp_path, part)]
        dictionary = (tmp_path / "characters.txt").read_text().split()
        assert len(set(texts)) == len(texts) == 35
        assert len(dictionary) == characters
        assert set("".join(texts)) <= set(dictionary)

    def test_a_missing_font_is_named_before_the_first_picture(self, tmp_path, monkeypatch):
        find = fonts.util.find_spec
        monkeypatch.setattr(fonts.util, "find_spec", lambda name: None if "manimgx" in name else find(name))
        with pytest.raises(UserError, match="the font 'black' is not installed"):
            lines.render_words(tmp_path, MADE_UP_COUNTS, 1, ["sans", "black"])
        assert list(tmp_path.iterdir()) == []

    def test_more_numbers_than_there_are_are_refused_before_the_first_picture(self, tmp_path):
        with pytest.raises(UserError, match="'digits' gives up to 1000000 different words, got 1000001; ask for fewer"):
            lines.render_words(tmp_path, {"train": 999_999, "val": 2}, 1, ["sans"], "digits")
        assert list(tmp_path.iterdir()) == []

    def test_fewer_texts_are_asked_for_than_the_alphabet_has(self):
        numbers = sum(10**digits for digits in range(3, 7))
        assert words.ALPHABETS["digits"].most < numbers
        assert words.ALPHABETS["words"].most < len(words.CHARACTERS) ** 5  # the codes of five characters alone

    def test_another_palette_writes_the_same_words_in_other_colours(self, tmp_path):
        for palette in ("scene", "print"):
            lines.render_words(tmp_path / palette, {"train": 5}, 7, ["sans"], palette=palette)
        assert (tmp_path / "scene/train/0000.png").read_bytes() != (tmp_path / "print/train/0000.png").read_bytes()
        assert _labels(tmp_path / "scene", "train")[0] == _labels(tmp_path / "print", "train")[0]

    def test_the_same_seed_writes_the_same_words_and_pixels(self, tmp_path):
        first, again = (lines.render_words(tmp_path / name, {"train": 5}, 7, ["sans"])[0] for name in ("a", "b"))
        assert first.read_bytes() == again.read_bytes()
        for picture in (tmp_path / "a/train").iterdir():
            assert picture.read_bytes() == (tmp_path / "b/train" / picture.name).read_bytes()

    def test_another_seed_writes_other_words(self, tmp_path):
        one, other = (lines.render_words(tmp_path / str(seed), {"train": 5}, seed, ["sans"])[0] for seed in (1, 2))
        assert one.read_bytes() != other.read_bytes()
