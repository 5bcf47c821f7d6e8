"""The preview: tiles show the pixels that the network gets, outlines lie on their polygons, a seed repeats a sheet."""

import errno
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageColor

from ppocrv2_ext import config
from ppocrv2_ext.cli import main
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.preview import colours, fonts, sheet, tiles
from ppocrv2_ext.preview.costs import Cost, tabulate_costs
from ppocrv2_ext.preview.training_samples import LineSample, SceneSample, denormalise, measure_used_width

CML, REC = "det/ch_PP-OCRv2_det_cml", "rec/ch_PP-OCRv2_rec"
COLOUR = (0x30, 0x50, 0x70)
BOX = [[20, 30], [80, 30], [80, 60], [20, 60]]


def scene(flags=((False, False),), texts=None, image=None, polygon=BOX):
    """A scene of 96 x 96; ``flags``: (ignored, pasted) of each object, all in one place."""
    image = np.full((96, 96, 3), 90, np.uint8) if image is None else image
    ignored, pasted = np.array(flags, dtype=bool).reshape(-1, 2).T
    maps = np.zeros((4, *image.shape[:2]), np.float32)
    maps[1] = 1
    return SceneSample(
        "a.jpg", image, [np.array(polygon)] * len(flags), texts or ["x"] * len(flags), ignored, pasted, *maps
    )


def line(label="ab", written="ab", width=64, columns=128):
    image = np.random.default_rng(0).integers(0, 256, (32, columns, 3), np.uint8)
    return LineSample("a.png", np.full((20, 40, 3), 90, np.uint8), image, width, label, written)


def has(picture, colour):
    """(H, W) booleans: where exactly this colour is."""
    return (np.asarray(picture) == ImageColor.getrgb(colour)).all(axis=2)


def blocks(image, zoom):
    return np.kron(image, np.ones((zoom, zoom, 1), np.uint8))


class TestPictures:
    def test_a_scene_is_shown_pixel_by_pixel(self):
        image = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
        tile = np.asarray(tiles.draw_scene_tile(scene(flags=(), image=image)))
        assert (tile[: tiles.PANEL, : tiles.PANEL] == blocks(image, tiles.PANEL // 96)).all()

    def test_a_line_is_shown_pixel_by_pixel(self):
        sample = line()
        tile = np.asarray(tiles.draw_line_tile(sample))
        assert (tile[: 3 * 32, -3 * 128 :] == blocks(sample.image, 3)).all()

    @pytest.mark.parametrize(
        ("flags", "colour"),
        [
            ((False, False), colours.TEXT),
            ((True, False), colours.IGNORED),
            ((False, True), colours.PASTED),
            ((True, True), colours.PASTED),
        ],
    )
    def test_an_outline_has_its_colour_and_lies_on_the_polygon(self, flags, colour):
        tile = tiles.draw_scene_tile(scene([flags]))
        for other in {colours.TEXT, colours.IGNORED, colours.PASTED} - {colour}:
            assert not has(tile, other).any()
        y, x = np.nonzero(has(tile, colour))
        distance = [cv2.pointPolygonTest(np.float32(BOX), ((a - 2) / 5, (b - 2) / 5), True) for a, b in zip(x, y)]
        assert len(x) > 300
        assert np.abs(distance).max() < 0.5  # of a pixel, which is shown as 5 x 5

    def test_ignored_outlines_are_dashed(self):
        drawn = [
            has(tiles.draw_scene_tile(scene([flags])), c).sum()
            for flags, c in (((False, False), colours.TEXT), ((True, False), colours.IGNORED))
        ]
        assert 0.3 < drawn[1] / drawn[0] < 0.75

    def test_each_map_is_drawn_at_its_own_pixels(self):
        sample = scene(flags=())
        sample.shrink_map[40:50, 30:70] = 1
        sample.shrink_mask[70:90, 10:30] = 0
        sample.threshold_map[5:10, 5:90] = 0.7
        sample.threshold_mask[5:10, 5:90] = 1
        panel = np.asarray(tiles.draw_scene_tile(sample))[: tiles.PANEL, -tiles.PANEL :].astype(int)
        here = panel[::5, ::5]
        green = (here[..., 1] - here[..., 0] > 80) & (here[..., 1] - here[..., 2] > 60)
        orange = (here[..., 0] - here[..., 2] > 80) & ~green
        plain = here[0, 0]
        other = (here != plain).any(axis=2) & ~green & ~orange
        assert (green == (sample.shrink_map == 1)).all()
        assert (orange == (sample.threshold_mask == 1)).all()
        assert (other == (sample.shrink_mask == 0)).all()

    def test_an_ignored_text_that_can_be_read_counts_as_too_small(self):
        sample = scene([(True, False), (True, False), (False, False)], ["###", "small", "x"])
        assert sample.small.tolist() == [False, True, False]

    def test_the_bar_of_a_line_ends_at_its_padding(self):
        used = has(tiles.draw_line_tile(line(width=64)), colours.USED)
        assert np.flatnonzero(used.any(axis=0)).tolist() == list(range(used.shape[1] - 384, used.shape[1] - 192))

    def test_only_dropped_characters_are_red(self):
        assert not has(tiles.draw_line_tile(line("ab", "ab")), colours.DROPPED).any()
        assert has(tiles.draw_line_tile(line("ab", "aéb")), colours.DROPPED).any()

    def test_a_sheet_grows_with_its_samples_and_its_legend_has_every_colour(self):
        sizes = [sheet.draw_sheet([line()] * count, "title").size for count in (1, 3, 4)]
        assert sizes[0][1] > sizes[1][1] < sizes[2][1]  # alone, the legend takes more lines
        assert sizes[0][0] < sizes[1][0] == sizes[2][0]
        page = sheet.draw_sheet([scene(flags=[(False, True)])], "title")
        assert all(has(page, colour).any() for colour, _ in colours.SCENE_LEGEND)

    def test_what_was_pasted_is_told_of_sheets_with_something_pasted(self):
        one, none = scene([(False, True)]), scene()
        assert sheet.choose_legend([none, one]) == list(colours.SCENE_LEGEND)
        assert [colour for colour, _ in sheet.choose_legend([none])] == [
            colour for colour, _ in colours.SCENE_LEGEND if colour != colours.PASTED
        ]
        assert not has(sheet.draw_sheet([none], "title"), colours.PASTED).any()
        assert [tiles._describe_counts(each) for each in (none, one)] == [
            "1 box, 0 ignored",
            "1 box, 0 ignored, 1 pasted",
        ]

    def test_padding_has_the_colour_of_its_legend(self):
        zeros = np.zeros((3, 32, 8), np.float32)
        shown = denormalise(zeros, 1 / 255, 0.5, 0.5)
        assert (shown == ImageColor.getrgb(colours.EMPTY)).all()
        assert has(tiles.draw_line_tile(line(width=64)), colours.EMPTY).any()

    def test_a_sheet_without_samples_is_refused(self):
        with pytest.raises(ValueError, match="must not be empty"):
            sheet.draw_sheet([], "title")

    def test_a_sheet_is_drawn_without_the_font_package_too(self, monkeypatch):
        def absent(size):
            raise UserError("needs its fonts")

        monkeypatch.setattr(fonts, "load_font", absent)
        monkeypatch.setattr(sheet, "load_font", absent)
        fonts.load_label_font.cache_clear()
        sheet.draw_sheet([line("永"), line()], "title")
        fonts.load_label_font.cache_clear()
        assert sheet.find_missing_font([line("永")]) == "needs its fonts"
        assert sheet.find_missing_font([line()]) is None


class TestCosts:
    def test_the_costs_of_two_transforms_by_hand(self):
        table, sentence = tabulate_costs([Cost("A", [1, 2, 6], 0), Cost("B", [7, 7, 7], 2)], 2, 20)
        cells = [list(column.cells) for column in table.columns]
        assert cells == [
            ["A", "B", "all"],
            ["2.0", "7.0", "9.0"],
            ["3.0", "7.0", "10.0"],
            ["30%", "70%", "100%"],
            ["", "2", ""],
        ]
        assert sentence.startswith("2 loading processes make at most 200 samples a second: a training step of 20")
        assert sentence.endswith("of 20 samples waits for its data if it takes less than 0.1 s.")

    def test_a_cost_below_a_millisecond_has_two_decimals(self):
        table, _ = tabulate_costs([Cost("A", [0.044, 0.044], 0), Cost("B", [0.996, 1.2], 0)], 2, 20)
        assert [list(column.cells) for column in table.columns[1:3]] == [["0.04", "1.1", "1.1"]] * 2


class TestNumbers:
    def test_normalising_is_undone_exactly_for_every_grey_value(self):
        picture = np.arange(256 * 3).reshape(1, 256, 3).astype(np.uint8)
        mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
        image = ((picture * np.float32(1 / 255) - mean) / std).transpose(2, 0, 1)
        assert (denormalise(image, np.float32(1 / 255), mean, std) == picture).all()

    def test_padding_is_told_from_grey_pixels(self):
        image = np.zeros((3, 4, 10), np.float32)
        image[:, :, :6] = (np.float32([127, 128]).repeat(3) / 255 - 0.5) / 0.5
        assert measure_used_width(image) == 6
        assert measure_used_width(np.zeros((3, 4, 10))) == 0


@pytest.fixture
def scenes(tmp_path):
    """``scenes(*overrides)``: the config of CML on four pictures whose texts begin with the number of the picture."""
    rng = np.random.default_rng(0)
    lines = []
    for number in range(4):
        picture = cv2.resize(rng.integers(0, 256, (12, 16, 3), np.uint8), (320, 240))
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
        corners = [(20, 20), (180, 40), (40, 150)]
        objects = [
            {"transcription": f"{number}-{i}", "points": [[x, y], [x + 100, y], [x + 100, y + 30], [x, y + 30]]}
            for i, (x, y) in enumerate(corners)
        ]
        lines.append(f"{number}.png\t{json.dumps(objects)}\n")
    (tmp_path / "scenes.txt").write_text("".join(lines), encoding="utf-8")
    size = "Train.dataset.transforms.EastRandomCropData.size=[96,96]"
    return lambda *overrides: chosen(CML, tmp_path, "scenes.txt", size, *overrides)


def chosen(name, folder, labels, *overrides):
    files = [f"Train.dataset.data_dir={folder}", f"Train.dataset.label_file_list=[{folder / labels}]"]
    return config.override(config.read(config.locate(name)), [*files, *overrides])


def without(settings, *names):
    """The config without these training transforms."""
    dataset = settings["Train"]["dataset"]
    dataset["transforms"] = [entry for entry in dataset["transforms"] if not set(entry) & set(names)]
    return settings


def draw(settings, count=6, seed=0):
    from ppocrv2_ext.host.samples.draw_samples import draw

    return draw(settings, count, seed)


def equal(one, other):
    return all(np.array_equal(a, b) for x, y in zip(one, other) for a, b in zip(x, y))


@pytest.mark.usefixtures("wheel")
class TestScenes:
    def test_without_augmentation_a_sample_is_the_picture_in_the_file(self, scenes, tmp_path):
        augmentation = ("TextCopyPaste", "RandomSceneCrop")
        samples, _ = draw(without(scenes(), *augmentation), 4)
        assert sorted(sample.name for sample in samples) == ["0.png", "1.png", "2.png", "3.png"]
        for sample in samples:
            assert (sample.image == np.asarray(Image.open(tmp_path / sample.name))).all()
            assert [box.shape for box in sample.polygons] == [(4, 2)] * 3
            assert sample.shrink_map.shape == sample.threshold_map.shape == (240, 320)

    def test_exactly_the_text_from_other_pictures_is_marked_as_pasted(self, scenes):
        more = [
            f"Train.dataset.transforms.TextCopyPaste.{key}" for key in ("objects_ratio=1.0", "scale_range=[0.3,0.6]")
        ]
        samples, _ = draw(scenes(*more), 8)
        foreign = [text[0] != sample.name[0] for sample in samples for text in sample.texts]
        assert foreign == np.concatenate([sample.pasted for sample in samples]).tolist()
        assert 0 < sum(foreign) < len(foreign)

    def test_without_pasting_no_text_is_marked(self, scenes):
        samples, _ = draw(scenes("Train.dataset.transforms.TextCopyPaste.p=0.0"))
        assert not any(sample.pasted.any() for sample in samples)

    def test_the_same_seed_draws_the_same_samples(self, scenes):
        one, same, other = (draw(scenes(), 6, seed)[0] for seed in (1, 1, 2))
        assert equal(one, same)
        assert not equal(one, other)
        assert equal(one[:2], draw(scenes(), 2, 1)[0])

    def test_the_numbers_that_were_drawn_before_change_no_sample(self, scenes):
        pasting = "Train.dataset.transforms.TextCopyPaste.objects_ratio=1.0"
        drawn = []
        for state in (5, 6):
            np.random.seed(state)
            drawn.append(draw(scenes(pasting), 4, 1)[0])
        assert equal(*drawn)

    def test_every_transform_has_its_cost(self, scenes):
        _, costs = draw(scenes(), 3)
        names = [name for entry in scenes()["Train"]["dataset"]["transforms"] for name in entry]
        assert [cost.transform for cost in costs] == [*names[:-1], "(reading files)"]
        assert all(len(cost.milliseconds) == 3 and min(cost.milliseconds) >= 0 for cost in costs)

    def test_a_key_that_no_transform_makes_is_refused(self, scenes):
        with pytest.raises(UserError, match=r"no transform makes 'shrink_mapp'; did you mean 'shrink_map'"):
            draw(scenes("Train.dataset.transforms.KeepKeys.keep_keys=[image,shrink_mapp]"))

    def test_no_transforms_are_refused(self, scenes):
        with pytest.raises(UserError, match="transforms is empty"):
            draw(scenes("Train.dataset.transforms=[]"))

    def test_transforms_that_make_neither_scenes_nor_lines_are_refused(self, scenes):
        kept = "Train.dataset.transforms.KeepKeys.keep_keys=[image]"
        augmentation = ("TextCopyPaste", "RandomSceneCrop", "TextBorderMap", "TextShrinkMap")
        with pytest.raises(UserError, match="preview shows scenes"):
            draw(without(scenes(kept), "DetLabelEncode", *augmentation))


@pytest.fixture
def words(tmp_path, wheel):
    """``words(labels, *overrides)``: the config of the recognizer on a word of 40 x 20 pixels for each label."""

    def write(labels, *overrides):
        Image.new("RGB", (40, 20), COLOUR).save(tmp_path / "word.png")
        (tmp_path / "words.txt").write_text("".join(f"word.png\t{label}\n" for label in labels), encoding="utf-8")
        dictionary = wheel.root / "ppocr/utils/en_dict.txt"
        return chosen(REC, tmp_path, "words.txt", f"Global.character_dict_path={dictionary}", *overrides)

    return write


class TestLines:
    def test_the_label_of_a_line_lacks_the_characters_that_the_network_does_not_get(self, words):
        samples, _ = draw(words(["café au 皖A1"]), 1)
        assert samples[0].written == "café au 皖A1"
        assert samples[0].label == "caf au A1"

    def test_a_line_has_the_padding_that_the_network_gets(self, words):
        (sample,), _ = draw(without(words(["a"]), "TextLineAugment"), 1)
        assert (sample.image.shape, sample.source.shape, sample.width) == ((32, 320, 3), (20, 40, 3), 64)
        assert (sample.source == COLOUR).all()
        assert (sample.image[:, :64] == COLOUR).all()
        assert (sample.image[:, 64:] == 128).all()

    def test_a_small_set_is_drawn_from_repeatedly(self, words):
        samples, _ = draw(words(["a", "b"]), 8)
        assert sorted(sample.label for sample in samples) == ["a"] * 4 + ["b"] * 4

    def test_refused_samples_are_counted_for_the_transform_that_refused_them(self, words):
        samples, costs = draw(words(["a", "皖"]), 8)
        assert {sample.label for sample in samples} == {"a"}
        assert [cost.transform for cost in costs if cost.refused] == ["TextLineEncode"]

    def test_of_labels_for_two_branches_that_of_ctc_is_shown(self, words):
        settings = words(["café A1"])
        decode = settings["Train"]["dataset"]["transforms"][0]
        settings["Train"]["dataset"]["transforms"] = [
            decode,
            {"MultiLabelEncode": {"gtc_encode": "NRTRLabelEncode"}},
            {"RecResizeImg": {"image_shape": [3, 32, 320]}},
            {"KeepKeys": {"keep_keys": ["image", "label_ctc", "label_gtc", "length", "valid_ratio"]}},
        ]
        (sample,), _ = draw(settings, 1)
        assert (sample.label, sample.written) == ("caf A1", "café A1")
        assert (sample.source == COLOUR).all()

    def test_the_label_of_a_class_is_its_name(self, words):
        settings = words(["0", "180"])
        settings["Global"]["label_list"] = ["0", "180"]
        resized = {"ClsResizeImg": {"image_shape": [3, 48, 192]}}
        decode = settings["Train"]["dataset"]["transforms"][0]
        kept = {"KeepKeys": {"keep_keys": ["image", "label"]}}
        settings["Train"]["dataset"]["transforms"] = [decode, {"ClsLabelEncode": None}, resized, kept]
        samples, _ = draw(settings, 4)
        assert {(sample.label, sample.written) for sample in samples} == {("0", "0"), ("180", "180")}
        assert (samples[0].image.shape, samples[0].width) == ((48, 192, 3), 96)


class TestCommand:
    @pytest.fixture
    def run(self, wheel, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        return lambda *arguments: CliRunner().invoke(main, ["preview", *map(str, arguments)])

    @pytest.fixture
    def real_words(self, samples):
        folder = samples / "icdar2015_words"
        return ["-o", f"Train.dataset.data_dir={folder}", f"Train.dataset.label_file_list=[{folder / 'train.txt'}]"]

    def test_the_same_seed_draws_the_same_bytes(self, run, real_words, tmp_path):
        for name, seed in (("a.png", 5), ("b.png", 5), ("c.png", 6)):
            result = run("-c", REC, "-n", 5, "--seed", seed, "--output", name, *real_words)
            assert result.exit_code == 0, result.output
        a, b, c = ((tmp_path / name).read_bytes() for name in ("a.png", "b.png", "c.png"))
        assert a == b != c

    def test_a_value_that_a_component_refuses_leads_to_one_sentence(self, run, real_words):
        transforms = "[{DecodeImage: }, {RandomHalfTurn: {p: 2}}, {KeepKeys: {keep_keys: [image]}}]"
        result = run("-c", REC, "--output", "a.png", *real_words, f"Train.dataset.transforms={transforms}")
        assert result.exit_code == 2, result.output
        said = result.output.splitlines()[-1]
        assert said.endswith("transform 'RandomHalfTurn' in the config: `p` must be a number from 0 to 1, got 2.")

    def test_a_picture_that_cannot_be_written_leaves_the_older_one_whole(self, run, real_words, tmp_path, monkeypatch):
        def fill_disk(picture, file):
            Path(file).write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Image.Image, "save", fill_disk)
        (tmp_path / "a.png").write_bytes(b"older")
        result = run("-c", REC, "-n", 1, "--output", "a.png", *real_words)
        assert result.exit_code == 2
        assert "cannot write a.png: No space left on device" in result.output
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.png": b"older"}

    def test_a_broken_sample_is_reported_and_not_drawn(self, run, samples, tmp_path):
        folder = samples / "icdar2015_words"
        (tmp_path / "words.txt").write_text("test/word_1.png\tJOINT\ntest/nowhere.png\tlost\n", encoding="utf-8")
        data = ["-o", f"Train.dataset.data_dir={folder}", "Train.dataset.label_file_list=[words.txt]"]
        result = run("-c", REC, "-n", 3, "--output", "a.png", *data)
        assert result.exit_code == 0, result.output
        assert "words.txt:2" in result.output
        assert {path.name for path in tmp_path.iterdir()} == {"a.png", "words.txt"}

    def test_the_seed_of_the_config_is_the_default(self, run, real_words, tmp_path):
        run("-c", REC, "-n", 2, "--output", "a.png", *real_words, "Global.seed=7")
        run("-c", REC, "-n", 2, "--output", "b.png", "--seed", 7, *real_words)
        assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()

    def test_real_scenes_are_drawn_on_either_host(self, ppocrv2_here, samples, tmp_path, either_host):
        folder = samples / "icdar2015_scenes"
        data = [f"Train.dataset.data_dir={folder}", f"Train.dataset.label_file_list=[{folder / 'train.txt'}]"]
        size = "Train.dataset.transforms.EastRandomCropData.size=[480,480]"
        done = ppocrv2_here(
            "preview", "-c", CML, "-n", "3", "--output", "new/a.png", "-o", *data, size, paddleocr=either_host
        )
        assert done.returncode == 0, done.stderr
        assert re.search(r"(?s)new/a.png: cyan: text.*TextCopyPaste.*waits for its data", done.stdout)
        page = Image.open(tmp_path / "new" / "a.png")
        assert any(has(page, colour).sum() > 400 for colour in (colours.TEXT, colours.PASTED))

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["--output", "a.gif"], "must end in .png or .jpg"),
            (["--output", "taken.png"], "cannot write to taken.png"),
            (["--output", "file/a.png"], "cannot write to file"),
            (["--output", "a.png", "-o", "Train.dataset.data_dir=nowhere"], "there is no folder nowhere"),
            (["--output", "a.png", "-o", "Train.dataset.data_dir="], "data_dir must name the folder"),
            (["--output", "a.png", "-o", "Train.dataset="], "Train.dataset must be a mapping"),
        ],
    )
    def test_bad_input_is_refused_in_one_sentence(self, run, tmp_path, arguments, sentence):
        (tmp_path / "taken.png").mkdir()
        (tmp_path / "file").touch()
        result = run("-c", REC, *arguments)
        assert (result.exit_code, result.output.count("\n")) == (2, 1), result.output
        assert sentence in result.output
        assert not (tmp_path / "a.png").exists()
