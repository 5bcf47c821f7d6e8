"""Broken samples are found before training, listed with their places, and left out."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from small_sets import (
    BAD_SCENES,
    GOOD_SCENES,
    SQUARE,
    counts,
    lcnet,
    make_config,
    scene,
    scenes,
    train_set,
    words,
    write,
)

from ppocrv2_ext.data import check_report, clean
from ppocrv2_ext.data.advice import advise
from ppocrv2_ext.data.check import check_data
from ppocrv2_ext.data.label_files import read_entries
from ppocrv2_ext.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("reason", BAD_SCENES)
def test_an_unusable_scene_is_left_out(folder, reason):
    data_set = train_set(scenes(folder, GOOD_SCENES["sound"], BAD_SCENES[reason]))
    assert data_set.places == {reason: [f"{folder / 'scenes.txt'}:2"]}
    assert [sample.entry.number for sample in data_set.usable_samples] == [1]
    assert data_set.loses_data


@pytest.mark.parametrize("reason", [reason for reason in GOOD_SCENES if reason not in ("sound", "several")])
def test_an_unusual_scene_is_kept_with_a_reason(folder, reason):
    data_set = train_set(scenes(folder, GOOD_SCENES[reason]))
    assert counts(data_set) == {reason: 1}
    assert len(data_set.usable_samples) == 1
    assert data_set.loses_data == (data_set.effects[reason] in ("box left out", "box ignored"))


def test_a_line_is_unusable_if_one_of_its_images_is(folder):
    data_set = train_set(scenes(folder, GOOD_SCENES["several"], scene('["a.png", "nowhere.png"]', SQUARE)))
    assert (len(data_set.usable_samples), counts(data_set)) == (1, {"transparent-image": 1, "missing-image": 1})


def test_blank_lines_and_lines_that_cannot_be_read_are_listed_with_their_places(folder):
    data_set = train_set(scenes(folder, b"\xef\xbb\xbf", GOOD_SCENES["sound"], "", b"a.png\t\xff\n", " "))
    assert {reason: [place.rpartition(":")[2] for place in places] for reason, places in data_set.places.items()} == {
        "not-utf8": ["3"],
        "byte-order-mark": ["1"],
        "blank-line": ["2", "4"],
    }
    assert (len(data_set.samples), len(data_set.usable_samples)) == (2, 1)


def test_a_picture_turned_by_exif_has_the_size_it_is_shown_with(folder):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (200, 100)).save(folder / "phone.jpg", exif=exif)
    low = scene("phone.jpg", [[10, 150], [80, 150], [80, 190], [10, 190]])
    assert counts(train_set(scenes(folder, low))) == {}


def test_boxes_and_ignored_boxes_of_scenes_are_counted(folder):
    data_set = train_set(scenes(folder, GOOD_SCENES["sound"], GOOD_SCENES["all-ignored"], GOOD_SCENES["crossing"]))
    assert (data_set.boxes, data_set.ignored_boxes) == (4, 2)


def test_texts_are_checked_by_dictionary_length_and_width(folder):
    lines = ["a.png\tabc", "a.png\t", "a.png\tabcabca", "a.png\taaaa", "a.png\ta€b€é", "a.png\t€", "a.png\ta c"]
    data_set = train_set(words(folder, *lines, max_text_length=6), frames=lcnet(24))
    numbers = {reason: [place.rpartition(":")[2] for place in places] for reason, places in data_set.places.items()}
    assert numbers == {
        "empty-label": ["2"],
        "long-label": ["3"],
        "unknown-character": ["5", "6", "7"],
        "no-known-character": ["6"],
        "few-frames": ["3", "4"],
    }
    assert data_set.unknown_characters == {"€": 3, "é": 1, " ": 1}
    assert data_set.text_lengths == [3, 3, 5]


def test_a_space_is_known_if_the_config_says_so(folder):
    assert not train_set(words(folder, "a.png\ta c", use_space_char=True)).places


def test_a_text_with_too_few_frames_is_usable_for_evaluation_only(folder):
    frames = {"Train": lcnet(16), "Eval": lcnet(16)}
    train, evaluation = check_data(words(folder, "a.png\taaaa"), frames=frames).sets
    assert (len(train.usable_samples), len(evaluation.usable_samples)) == (0, 1)


def test_a_class_outside_label_list_is_left_out(folder):
    file = write(folder / "turned.txt", "a.png\t0", "a.png\t180\r", "a.png\t90")
    data_set = train_set(make_config([file], {"ClsLabelEncode": {"label_list": ["0", "180"]}}))
    assert counts(data_set) == {"windows-line-end": 1, "unknown-class": 1}
    assert len(data_set.usable_samples) == 2


def test_without_an_encoder_of_labels_the_images_are_still_checked(folder):
    data_set = train_set(make_config([write(folder / "any.txt", "a.png\tx", "nowhere.png\tx")]))
    assert counts(data_set) == {"missing-image": 1}
    assert "labels are not checked" in data_set.note


def test_other_kinds_of_sets_are_not_checked_and_a_note_says_so(folder):
    config = scenes(folder, GOOD_SCENES["sound"])
    config["Eval"] = {"dataset": {"name": "PubTabDataSet"}}
    report = check_data(config)
    assert [data_set.mode for data_set in report.sets] == ["Train"]
    assert report.notes == (
        "Eval.dataset is not checked: it is a PubTabDataSet, not a SimpleDataSet, a MultiScaleDataSet or an"
        " LMDBDataSet.",
    )


def test_web_addresses_are_missing_files_for_the_wheel_and_kept_for_a_clone(folder):
    config = scenes(folder, scene("https://nowhere.invalid/a.png", SQUARE))
    assert counts(train_set(config)) == {"missing-image": 1}
    assert counts(train_set(config, loads_addresses=True)) == {"remote-image": 1}


def test_clean_files_hold_every_usable_line_and_pass_the_check(folder):
    lines = [*GOOD_SCENES.values(), *BAD_SCENES.values(), "", b"a.png\t\xff\n"]
    config = scenes(folder, *lines)
    (file,) = clean.write_clean_files(train_set(config), folder / "labels")
    assert file == folder / "labels" / "train" / "scenes.txt"
    config["Train"]["dataset"]["label_file_list"] = [file]
    data_set = train_set(config)
    assert not data_set.needs_rewriting
    assert len(data_set.samples) == len(data_set.usable_samples) == len(GOOD_SCENES)
    assert counts(data_set) == {
        "more-columns": 1,
        "grey-image": 1,
        "transparent-image": 2,
        "16-bit-image": 1,
        "all-ignored": 1,
        "not-a-text": 1,
    }
    assert data_set.ignored_boxes == 3  # one in the label, two that crossed or reached out
    assert [path.name for path in file.parent.iterdir()] == ["scenes.txt"]


def test_a_sound_line_is_written_unchanged_to_the_letter(folder):
    line = 'a.png\t[{"points":[[1,2],[30,2],[30,20]],"transcription":"北京"}]'
    (file,) = clean.write_clean_files(train_set(scenes(folder, line, BAD_SCENES["no-text"])), folder / "labels")
    assert file.read_bytes() == f"{line}\n".encode()


def test_clean_forms_of_files_with_one_name_have_different_names_in_order(folder):
    (folder / "more").mkdir()
    files = [write(folder / "words.txt", "a.png\ta"), write(folder / "more" / "words.txt", "b.png\tb")]
    data_set = train_set(make_config(files))
    assert [path.name for path in clean.write_clean_files(data_set, folder / "labels")] == [
        "1-words.txt",
        "2-words.txt",
    ]
    assert [len(read_entries(path)) for path in clean.write_clean_files(data_set, folder / "labels")] == [1, 0]


def test_a_label_file_that_is_listed_twice_counts_twice(folder):
    file = write(folder / "words.txt", "a.png\ta", "nowhere.png\ta")
    config = make_config([file, file])
    data_set = train_set(config)
    assert (len(data_set.usable_samples), counts(data_set)) == (2, {"missing-image": 2})
    with_clean_files = clean.with_clean_label_files(config, check_data(config, ("Train",)), folder / "labels")
    assert [len(read_entries(path)) for path in with_clean_files["Train"]["dataset"]["label_file_list"]] == [1, 1]


def test_a_set_without_broken_lines_keeps_its_label_files(folder):
    config = scenes(folder, GOOD_SCENES["sound"], GOOD_SCENES["grey-image"])
    assert clean.with_clean_label_files(config, check_data(config), folder / "labels") == config
    assert not (folder / "labels").exists()


@pytest.mark.parametrize(
    ("lines", "settings", "message"),
    [
        (["nowhere.png\ta", "a.png\t"], {}, r"none of the 2 lines of .* is usable; .*words.txt:1: missing-image, "),
        ([b"\xef\xbb\xbf\n"], {}, "none of the 0 lines"),
        (
            ["a.png\ta", "a.png\ta€"],
            {"unknown_characters": "fail"},
            r"words.txt:2: the dictionary lacks '€' \(once\)",
        ),
        (["a.png\ta€"], {"unknown_characters": "skip"}, "none of the 1 lines .* unknown-character"),
    ],
)
def test_words_that_leave_nothing_to_train_on_are_refused(folder, lines, settings, message):
    with pytest.raises(UserError, match=message):
        clean.require_usable(check_data(words(folder, *lines, **settings)))


@pytest.mark.parametrize("lines", [["a.png\t[]"], [GOOD_SCENES["all-ignored"]]])
def test_a_training_set_without_text_is_refused(folder, lines):
    with pytest.raises(UserError, match=r"^Train: "):
        clean.require_usable(check_data(scenes(folder, *lines)))


def test_an_evaluation_in_which_all_boxes_are_ignored_is_refused(folder):
    report = check_data(scenes(folder, *[GOOD_SCENES["all-ignored"]] * 2), ("Eval",))
    assert not report.is_sound
    sentence = "so hmean is 0 whatever the network finds; name a label file with text."
    with pytest.raises(UserError, match=rf"^Eval: every box of .*scenes\.txt is ignored \(### or \*\), {sentence}"):
        clean.require_usable(report)
    clean.require_usable(check_data(scenes(folder, GOOD_SCENES["all-ignored"], GOOD_SCENES["sound"]), ("Eval",)))


@pytest.mark.parametrize(
    ("mode", "end"), [("Train", ": there is nothing to learn."), ("Eval", ", so acc counts the lines of which ")]
)
def test_texts_of_spaces_alone_are_no_text(folder, mode, end):
    lines = ["a.png\t ", "a.png\t   "]
    report = check_data(words(folder, *lines, use_space_char=True), (mode,))
    with pytest.raises(UserError, match=rf"^{mode}: every text of .*words\.txt is only spaces{end}"):
        clean.require_usable(report)
    clean.require_usable(check_data(words(folder, *lines, "a.png\ta", use_space_char=True), (mode,)))


@pytest.mark.parametrize(("choice", "usable"), [("drop-character", 2), ("skip", 1)])
def test_the_config_chooses_whether_unknown_characters_or_their_lines_are_dropped(folder, choice, usable):
    data_set = train_set(words(folder, "a.png\ta€", "a.png\ta", unknown_characters=choice))
    assert len(data_set.usable_samples) == usable
    assert data_set.unknown_characters == {"€": 1}
    clean.require_usable(SimpleNamespace(sets=[data_set]))


def test_the_report_as_json_has_every_place(folder):
    config = words(folder, "a.png\tabc", *["nowhere.png\tabc"] * 9, "a.png\ta€")
    (folder / "check.json").touch()
    check_report.write_json(check_data(config), folder / "check.json")
    data = json.loads((folder / "check.json").read_text(encoding="utf-8"))["Train"]
    assert len(data["findings"]["missing-image"]["at"]) == 9
    assert (data["lines"], data["usable"], data["unknown_characters"]) == (11, 2, {"€": 1})
    assert data["text_lengths"] == [2, 2.5, 3]


def test_the_table_counts_boxes_and_names_the_first_places(folder, capsys):
    few = scene("a.png", SQUARE, [[5, 5]], [[5, 5]])
    check_report.print_report(check_data(scenes(folder, few, few, few, few), ("Train",)))
    (row,) = [line for line in capsys.readouterr().out.splitlines() if re.match(r"\s*8 +few-points", line)]
    assert f"{folder / 'scenes.txt'}:1, 2, 3, ..." in row


def test_a_detector_trains_on_a_label_file_with_every_kind_of_broken_line(ppocrv2_here, folder, either_host):
    scenes(folder, *GOOD_SCENES.values(), scene("tiny.png", [[0, 0], [1, 0], [1, 1], [0, 1]]), *BAD_SCENES.values(), "")
    files = ("data_dir=.", "label_file_list=[scenes.txt]")
    sets = [f"{mode}.dataset.{setting}" for mode in ("Train", "Eval") for setting in files]
    trained = ppocrv2_here(
        "train",
        *("-c", "det/ch_PP-OCRv2_det_dml"),
        *("-o", *sets, "Global.use_gpu=false", "Global.save_model_dir=out", "Global.epoch_num=1"),
        *("Train.loader.num_workers=0", "Eval.loader.num_workers=0"),
        "Train.dataset.transforms.EastRandomCropData.size=[96,96]",
        "Eval.dataset.transforms.DetResizeForTest.limit_side_len=96",
        "Eval.dataset.transforms.DetResizeForTest.limit_type=max",
        *("Global.print_batch_step=1", "Global.eval_batch_step=[0,4]", "Train.loader.batch_size_per_card=4"),
        paddleocr=either_host,
    )
    log = trained.stdout + trained.stderr
    assert trained.returncode == 0, log
    assert f"Train: {len(GOOD_SCENES)} of {len(GOOD_SCENES) + 1 + len(BAD_SCENES)} lines" in log
    for reason in [*BAD_SCENES, "crossing", "few-points", "tiny-image"]:
        assert re.search(rf"\d +{reason} .*scenes.txt:\d+", log), reason
    assert len(re.findall(r"global_step: \d+, .*\bloss: [0-9.]+", log)) == 4
    assert f"metrics are of {len(GOOD_SCENES) + 1} lines" in log
    assert "RecursionError" not in log
    assert "not used" not in log  # nothing was left for the data loop to stumble on


def test_a_text_that_is_too_long_for_one_of_two_branches_is_kept_and_doubtful(folder):
    config = words(folder, "a.png\taaaaaaaaaa")
    config["Train"]["dataset"]["transforms"][1] = {"MultiLabelEncode": None}
    data_set = train_set(config, frames=lcnet(32))
    assert (data_set.is_doubtful, len(data_set.usable_samples)) == (True, 1)
    assert "and CTC learns nothing of it" in advise(data_set, "few-frames")


def words_by_ratio(folder, *lines, size=1):
    """A set whose lines are as wide as their pictures, in batches of ``size``."""
    config = words(folder, *lines)
    config["Train"] = {
        "dataset": {**config["Train"]["dataset"], "name": "MultiScaleDataSet", "ds_width": True},
        "sampler": {"name": "MultiScaleSampler", "scales": [[320, 32]], "first_bs": size},
    }
    return config


BY_RATIO = lcnet(320)._replace(by_ratio=tuple(8 * heights for heights in range(1, 11)))  # a frame of 4 pixels


@pytest.mark.parametrize(
    ("size", "narrow"),
    [(1, ["words.txt:2"]), (2, ["words.txt:2", "words.txt:3"]), (4, ["words.txt:3", "words.txt:4"])],
    ids=["each by itself", "two and two", "all together"],
)
def test_with_ds_width_a_text_is_compared_with_the_frames_of_its_batch(folder, size, narrow):
    texts = {
        "abcabc": (32, 32),  # 6 frames are needed, and 8 are there
        "abcabcabcabc": (32, 32),  # 12
        "abcabcabcabcabcabcabcabca": (112, 32),  # 25
        "abcabcabcabcabcabcabcabc": (96, 32),  # 24
    }
    lines = [f"a.png\t{text}\t{width}\t{height}" for text, (width, height) in texts.items()]
    data_set = train_set(words_by_ratio(folder, *lines, size=size), frames=BY_RATIO)
    assert [place.rpartition("/")[2] for place in data_set.places.get("narrow-line", [])] == narrow
    assert (len(data_set.usable_samples), data_set.is_doubtful) == (4, bool(narrow))


def test_a_text_of_which_nothing_is_learnt_in_its_batch_is_named_with_what_to_do(folder):
    data_set = train_set(words_by_ratio(folder, "a.png\tabcabcabcabc\t32\t32"), frames=BY_RATIO)
    assert advise(data_set, "narrow-line") == (
        "in 1 of 1 lines the text needs more frames than the network makes of a line as wide as its batch, up to 12 for"
        " 'abcabcabcabc', and CTC learns nothing of it; leave these lines out, or set Train.dataset.ds_width=false"
    )


def test_a_text_that_fits_no_line_of_the_set_is_left_out_and_not_said_to_be_narrow_too(folder):
    data_set = train_set(words_by_ratio(folder, f"a.png\t{'abc' * 8}\t32\t32"), frames=BY_RATIO._replace(number=16))
    assert (list(data_set.places), data_set.usable_samples) == (["few-frames"], [])


def test_texts_that_ctc_does_not_read_need_no_frames(folder):
    config = words(folder, "a.png\taaaaaaaaaa")
    config["Train"]["dataset"]["transforms"][1] = {"NRTRLabelEncode": None}
    assert not train_set(config, frames=lcnet(32)).places


@pytest.mark.parametrize(
    ("setting", "reasons", "is_doubtful", "usable"),
    [({}, 2, True, 3), ({"outside_images": "allow"}, 0, False, 3), ({"outside_images": "skip"}, 2, False, 1)],
)
def test_images_outside_data_dir_are_named_allowed_or_skipped(folder, setting, reasons, is_doubtful, usable):
    inside = folder / "inside"
    inside.mkdir()
    (folder / "grey.png").rename(inside / "grey.png")
    config = words(folder, "../a.png\tabc", f"{folder / 'a.png'}\tabc", f"{inside / 'grey.png'}\tabc", **setting)
    config["Train"]["dataset"]["data_dir"] = str(inside)
    data_set = train_set(config)
    assert len(data_set.places.get("outside-image", ())) == reasons
    assert (data_set.is_doubtful, len(data_set.usable_samples)) == (is_doubtful, usable)


def test_boxes_in_percent_are_doubted_in_a_whole_set_of_large_pictures(folder):
    import cv2
    import numpy as np

    cv2.imwrite(str(folder / "large.png"), np.zeros((720, 1280, 3), np.uint8))
    lines = [scene("large.png", [[x, 10], [x + 30, 10], [x + 30, 40]]) for x in (10, 40, 70)]
    assert counts(train_set(scenes(folder, *lines))) == {"percent-boxes": 3}
    assert counts(train_set(scenes(folder, *lines, scene("large.png", [[900, 10], [990, 10], [990, 40]])))) == {}
    assert counts(train_set(scenes(folder, *[line.replace("large", "a") for line in lines]))) == {}


def test_an_image_above_the_limit_of_the_config_is_left_out(folder):
    assert counts(train_set(words(folder, "a.png\tabc", max_image_pixels=9999))) == {"huge-image": 1}
    assert counts(train_set(words(folder, "a.png\tabc", max_image_pixels=10000))) == {}


def test_difficult_boxes_are_ignored_where_the_config_says_so(folder):
    line = scene("a.png", SQUARE, SQUARE).replace('"points"', '"difficult": true, "points"', 1)
    kept = train_set(scenes(folder, line))
    ignored = train_set(scenes(folder, line, difficult_boxes="ignore"))
    assert counts(kept) == counts(ignored) == {"difficult-box": 1}
    assert (kept.ignored_boxes, ignored.ignored_boxes) == (0, 1)
    assert (kept.needs_rewriting, ignored.needs_rewriting) == (False, True)


def test_labels_of_a_recognizer_given_to_a_detector_are_called_that(folder):
    with pytest.raises(UserError, match=r"the label is plain text, as a recognizer's \(rec_gt.txt\) is"):
        clean.require_usable(check_data(scenes(folder, "a.png\tEXIT", "a.png\tNORTH")))


def test_labels_of_a_detector_given_to_a_recognizer_are_called_that(folder):
    with pytest.raises(UserError, match=r"one of detection \(PPOCRLabel's Label.txt\), and a recognizer reads texts"):
        clean.require_usable(check_data(words(folder, GOOD_SCENES["sound"])))


def test_a_dictionary_in_one_row_is_what_the_error_names(folder):
    config = words(folder, "a.png\tabc")
    write(folder / "dictionary.txt", "abc")
    with pytest.raises(UserError, match="has all its characters on one line; put each on its own line"):
        clean.require_usable(check_data(config))


def test_training_reads_a_dictionary_without_its_byte_order_mark(folder):
    config = words(folder, "a.png\tabc")
    write(folder / "dictionary.txt", b"\xef\xbb\xbfa\nb\nc\n")
    report = check_data(config, ("Train",))
    assert [finding.kind for finding in report.dictionaries[0].findings] == ["byte-order-mark"]
    assert report.sets[0].places == {}
    changed = clean.with_clean_label_files(config, report, folder / "labels")["Global"]["character_dict_path"]
    assert (folder / "labels" / "dictionary.txt").read_bytes() == b"a\nb\nc\n"
    assert changed == str(folder / "labels" / "dictionary.txt")


@pytest.mark.parametrize(("encoder", "most"), [("MultiLabelEncode", 4), ("SARLabelEncode", 4), ("AttnLabelEncode", 5)])
def test_texts_behind_other_encoders_are_checked_with_the_length_that_each_takes(folder, encoder, most):
    config = words(
        folder, f"a.png\t{'abcabc'[:most]}", f"a.png\t{'abcabc'[: most + 1]}", "a.png\ta€", max_text_length=6
    )
    config["Train"]["dataset"]["transforms"][1] = {encoder: None}
    config["Global"]["unknown_characters"] = "fail"
    report = check_data(config, ("Train",))
    assert {reason: places[0][-1] for reason, places in report.sets[0].places.items()} == {
        "long-label": "2",
        "unknown-character": "3",
    }
    assert "set Global.max_text_length=7" in advise(report.sets[0], "long-label")
    with pytest.raises(UserError, match="words.txt:3: the dictionary lacks '€'"):
        clean.require_usable(report)


def test_behind_an_encoder_that_is_not_known_the_note_says_what_has_no_effect(folder):
    config = words(folder, "a.png\ta€", unknown_characters="fail")
    config["Train"]["dataset"]["transforms"][1] = {"SRNLabelEncode": None}
    assert "labels are not checked, and Global.unknown_characters has no effect" in train_set(config).note


def test_a_multi_scale_set_is_checked_and_its_columns_are_kept(folder):
    config = words(folder, "a.png\tabc\t100\t100\r", "a.png\tabc", "nowhere.png\tabc\t3\t4")
    config["Train"]["dataset"].update(name="MultiScaleDataSet", ds_width=True)
    data_set = train_set(config)
    assert counts(data_set) == {"windows-line-end": 1, "no-size": 1, "missing-image": 1}
    (file,) = clean.write_clean_files(data_set, folder / "labels")
    assert file.read_text(encoding="utf-8") == "a.png\tabc\t100\t100\n"


def test_every_kind_of_broken_data_set_ends_as_it_should(tmp_path, monkeypatch):
    """One of each kind. ``scripts/fuzz.py data`` makes hundreds, and gives some to the command."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from experiments.fuzz import is_wrong
    from experiments.fuzz.data import KINDS, run

    outcomes = list(run(len(KINDS), 7, tmp_path))
    assert len(outcomes) > 60
    assert [outcome for outcome in outcomes if is_wrong(outcome)] == []
