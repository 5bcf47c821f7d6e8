"""Confusable characters: what is drawn, how far apart features are, what counts as a confusion, the comparison."""

import json
import random
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from experiments import separation
from experiments.synthetic import confusables, typefaces

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.preview import fonts as installed_fonts

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def fonts():
    for package in typefaces.REQUIREMENTS:
        pytest.importorskip(package)


def two_classes():
    """Means 土 (0, 0) and 士 (4, 0), every frame 1 from its mean."""
    return np.array([[0, 1], [0, -1], [4, 1], [4, -1]], float), list("土土士士")


class TestSeparation:
    def test_value_by_hand(self):
        assert separation.measure_separation(*two_classes(), ["土士"]) == separation.Separation(
            between=4, alike=4, within=1
        )

    def test_only_pairs_within_a_group_are_alike(self):
        # A third class at (0, 3): pairs 4, 3 and 5 apart, and only the first is of a group.
        features, characters = two_classes()
        features, characters = np.vstack([features, [[0, 2], [0, 4]]]), [*characters, "日", "日"]
        value = separation.measure_separation(features, characters, ["土士", "日曰"])
        assert value == pytest.approx((4, 4, 1))
        assert separation.measure_separation(features, characters, ["土日"]).alike == 3

    def test_every_class_counts_the_same_however_many_frames_it_has(self):
        features, characters = two_classes()
        again = separation.measure_separation(np.vstack([features, features[:2]]), [*characters, "土", "土"], ["土士"])
        assert again == separation.measure_separation(features, characters, ["土士"])

    @pytest.mark.parametrize("scale", [1e-3, 7.0])
    def test_ratios_ignore_scale_shift_and_rotation(self, scale):
        rng = np.random.default_rng(0)
        features, characters = rng.standard_normal((60, 5)), list("土士日") * 20
        turn = np.linalg.qr(rng.standard_normal((5, 5)))[0]
        plain, moved = (
            separation.measure_separation(each, characters, ["土士"])
            for each in (features, scale * features @ turn + 100)
        )
        assert (moved.ratio, moved.alike_ratio) == pytest.approx((plain.ratio, plain.alike_ratio))
        assert moved.within == pytest.approx(scale * plain.within)

    def test_frames_that_move_towards_their_class_mean_raise_the_ratio(self):
        features, characters = two_classes()
        means = np.repeat([[0, 0], [4, 0]], 2, axis=0)
        assert separation.measure_separation((features + means) / 2, characters, ["土士"]).ratio == 8


class TestErrors:
    @pytest.mark.parametrize(
        ("label", "text", "confused", "wrong"),
        [
            ("土", "土", 0, 0),
            ("土", "士", 1, 1),
            ("土", "日", 0, 1),
            ("土", "", 0, 1),
            ("土日", "士曰", 1, 1),
            ("土日", "土日日", 0, 0.5),
        ],
    )
    def test_only_a_mistake_within_a_group_is_a_confusion(self, label, text, confused, wrong):
        assert separation.count_errors([(label, text)], ["土士", "日曰"]) == (confused, wrong)

    def test_the_shares_are_of_all_characters(self):
        assert separation.count_errors([("土", "士"), ("日日日", "日日日")], ["土士"]) == (0.25, 0.25)


class TestPlane:
    def test_the_class_means_keep_their_distances_in_the_plane(self):
        rng = np.random.default_rng(1)
        corners = np.eye(6)[:3] * 10
        features, characters = (
            np.repeat(corners, 30, axis=0) + 0.1 * rng.standard_normal((90, 6)),
            np.repeat([*"己已巳"], 30),
        )
        axes = separation.find_plane(features, characters)
        np.testing.assert_allclose(axes.T @ axes, np.eye(2), atol=1e-9)
        assert np.linalg.norm((corners[0] - corners[1]) @ axes) == pytest.approx(10 * 2**0.5, rel=0.01)

    def test_the_picture_has_a_colour_for_each_character(self, fonts, tmp_path):
        features, characters = two_classes()
        network = (features, characters, separation.measure_separation(features, characters, ["土士"]))
        separation.draw_picture(
            {"before": network, "after": network},
            ["土士"],
            tmp_path / "features.png",
            typefaces.find_typeface_file("sans"),
        )
        pixels = cv2.imread(str(tmp_path / "features.png"))[:, :, ::-1].reshape(-1, 3).astype(int)
        for colour in separation.COLOURS[:2]:
            assert (np.abs(pixels - [int(colour[i : i + 2], 16) for i in (1, 3, 5)]).max(1) < 40).sum() > 20

    def test_there_are_enough_colours_for_the_largest_group(self):
        assert max(map(len, confusables.GROUPS)) <= len(separation.COLOURS)


class TestData:
    def test_no_character_is_in_two_groups(self):
        assert len(set(confusables.CHARACTERS)) == len(confusables.CHARACTERS) >= 40
        assert min(map(len, confusables.GROUPS)) >= 2

    def test_the_official_dictionary_has_every_character(self, wheel):
        known = (wheel.root / "ppocr/utils/ppocr_keys_v1.txt").read_text(encoding="utf-8").split("\n")
        assert set(confusables.CHARACTERS) <= set(known)

    def test_the_same_seed_draws_the_same_files_and_another_does_not(self, fonts, tmp_path):
        for name, seed in (("a", 3), ("b", 3), ("c", 4)):
            confusables.render_confusables(tmp_path / name, 3, 2, seed)
        files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
        assert len(files) == 3 + 2 + 3
        same, other = ([(tmp_path / name / file).read_bytes() for file in files] for name in "bc")
        assert [(tmp_path / "a" / file).read_bytes() for file in files] == same != other

    def test_the_dictionary_has_every_character_of_the_labels(self, fonts, tmp_path):
        confusables.render_confusables(tmp_path, 20, 5, 0)
        dictionary = (tmp_path / "characters.txt").read_text(encoding="utf-8").split()
        rows = [row.split("\t") for row in (tmp_path / "train.txt").read_text(encoding="utf-8").splitlines()]
        assert len(rows) == 20
        assert all(set(text) <= set(dictionary) and cv2.imread(str(tmp_path / file)).size for file, text in rows)

    def test_every_font_is_drawn(self):
        rng = random.Random(0)
        assert {confusables.choose_glyph_look(rng).font for _ in range(80)} == set(typefaces.FONTS)

    def test_the_fonts_differ_and_all_have_the_characters(self, fonts):
        for character in "末曰兔":
            drawn = [np.asarray(typefaces.load_typeface(name, 32).getmask(character)) for name in typefaces.FONTS]
            assert len({each.tobytes() for each in drawn}) == len(drawn)
        for name in typefaces.FONTS:
            missing = bytes(typefaces.load_typeface(name, 32).getmask("\U0010ffff"))
            assert all(bytes(typefaces.load_typeface(name, 32).getmask(c)) != missing for c in confusables.CHARACTERS)

    def test_a_missing_font_is_named_before_the_first_picture(self, tmp_path, monkeypatch):
        monkeypatch.setattr(installed_fonts.util, "find_spec", lambda name: None)
        with pytest.raises(UserError, match="is not installed; run `pip install"):
            confusables.render_confusables(tmp_path, 1, 1, 0)
        assert list(tmp_path.iterdir()) == []

    def test_a_count_below_one_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match="at least 1"):
            confusables.render_confusables(tmp_path, 0, 1, 0)


@pytest.mark.slow
def test_the_comparison_runs_and_writes_table_and_picture(fonts, ppocrv2, tmp_path):
    assert ppocrv2("weights", "rec", "--output", tmp_path / "official").returncode == 0
    small = ["--lines", 64, "--test-lines", 300, "--epochs", 1, "--batch", 16, "--seeds", 1, "--center", "relative:5"]
    where = ["--weights", tmp_path / "official/ch_PP-OCRv2_rec", "--output", tmp_path / "out"]
    command = [sys.executable, ROOT / "scripts/confusables.py", *where, *small]
    done = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads((tmp_path / "out/table.json").read_text(encoding="utf-8"))["rows"]
    assert list(rows) == ["not tuned", "CTC", "CTC + relative center, 5"]
    assert rows["CTC"] != rows["CTC + relative center, 5"]
    assert all(0 < row["ratio"] < 100 and 0 < row["confused, %"] < 100 for row, *_ in rows.values())
    assert cv2.imread(str(tmp_path / "out/features.png")) is not None
