"""Data sets that are not there, or are LMDBs."""

import json
import os
from pathlib import Path

import pytest
from small_sets import lmdb_words, make_lmdb, train_set, words, write

from ppocrv2_ext.data import clean
from ppocrv2_ext.data.check import check_data
from ppocrv2_ext.data.sources import count_samples, list_ratios, require_sources
from ppocrv2_ext.errors import UserError


def test_an_lmdb_is_checked_as_label_files_are(folder):
    lines = [("abc", "a.png"), ("a€", "grey.png"), ("abc", "broken.png"), (None, "a.png"), ("abc", None), ("", "a.png")]
    config, place = lmdb_words(folder, *lines)
    assert train_set(config).places == {
        "broken-image": [f"{place}:3"],
        "grey-image": [f"{place}:2"],
        "empty-label": [f"{place}:6"],
        "unknown-character": [f"{place}:2"],
        "no-entry": [f"{place}:4", f"{place}:5"],
    }


def test_broken_samples_of_an_lmdb_become_corrections(folder):
    config, place = lmdb_words(
        folder, ("abc", "a.png"), ("abc", "broken.png"), ("\uff21", "a.png"), unicode_form="NFKC"
    )
    write(folder / "dictionary.txt", *"abcA")
    report = check_data(config, ("Train",))
    changed = clean.with_clean_label_files(config, report, folder / "labels")["Train"]["dataset"]
    corrections = json.loads((folder / "labels" / "train" / "lmdb-corrections.json").read_text(encoding="utf-8"))
    assert changed["corrections"] == str(folder / "labels" / "train" / "lmdb-corrections.json")
    assert corrections == {str(place): {"2": None, "3": "A"}}
    assert clean.fix(report, folder / "fixed") == [
        "Train: an LMDB is not rewritten; a training leaves its broken samples out by itself."
    ]


def test_a_corrected_lmdb_is_checked_with_its_corrections_and_keeps_them(folder):
    config, place = lmdb_words(folder, ("abc", "a.png"), ("abc", "broken.png"), ("a€", "a.png"), ("a€", "a.png"))
    (folder / "corrections.json").write_text(json.dumps({str(place): {"2": None, "3": "ab"}}), encoding="utf-8")
    config["Train"]["dataset"]["corrections"] = str(folder / "corrections.json")
    assert train_set(config).places == {"unknown-character": [f"{place}:4"]}
    config["Global"]["unknown_characters"] = "skip"
    changed = clean.with_clean_label_files(config, check_data(config, ("Train",)), folder / "labels")
    file = Path(changed["Train"]["dataset"]["corrections"])
    assert json.loads(file.read_text(encoding="utf-8")) == {str(place): {"2": None, "3": "ab", "4": None}}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot read .*corrections.json: No such file"),
        ("{", "corrections.json is not JSON"),
        ("[]", "must hold {LMDB: {number: label, or null"),
        ('{"x": {"one": null}}', "must hold {LMDB: {number: label, or null"),
        ('{"x": {"1": 2}}', "must hold {LMDB: {number: label, or null"),
    ],
)
def test_broken_corrections_are_named_with_their_key(folder, content, sentence):
    config, _ = lmdb_words(folder, ("abc", "a.png"))
    file = folder / "corrections.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    config["Train"]["dataset"]["corrections"] = str(file)
    with pytest.raises(UserError, match=f"Train.dataset.corrections.*{sentence}"):
        require_sources(config, ("Train",))


def test_the_share_of_an_lmdb_is_one_for_all(folder):
    config, _ = lmdb_words(folder, *[("abc", "a.png")] * 4)
    dataset = config["Train"]["dataset"]
    assert count_samples(config, "Train") == [4]
    assert list_ratios("Train", {**dataset, "ratio_list": 0.5}) == [0.5]
    for wrong in (0, 1.5, [0.5, 0.2], [], True):
        with pytest.raises(UserError, match="ratio_list must hold one share above 0 and up to 1"):
            list_ratios("Train", {**dataset, "ratio_list": wrong})


SOURCES = {  # what is there in place of the data set: {how: what the sentence says}
    "no folder": (lambda folder, dataset: dataset.update(data_dir="nowhere"), "there is no folder nowhere in "),
    "a file as folder": (lambda folder, dataset: dataset.update(data_dir="words.txt"), "words.txt is a file"),
    "no file": (lambda folder, dataset: dataset.update(label_file_list=["word.txt"]), "did you mean 'words.txt'"),
    "a folder as file": (
        lambda folder, dataset: ((folder / "l.txt").mkdir(), dataset.update(label_file_list=["l.txt"])),
        "l.txt is a folder, and it holds no .txt",
    ),
    "a pipe": (
        lambda folder, dataset: (os.mkfifo(folder / "p.txt"), dataset.update(label_file_list=["p.txt"])),
        "p.txt: it is a pipe",
    ),
    "a device": (lambda folder, dataset: dataset.update(label_file_list=["/dev/zero"]), "/dev/zero: it is a device"),
    "an empty file": (
        lambda folder, dataset: ((folder / "e.txt").touch(), dataset.update(label_file_list=["e.txt"])),
        "e.txt is empty",
    ),
    "a folder that is no LMDB": (
        lambda folder, dataset: ((folder / "x").mkdir(), dataset.update(name="LMDBDataSet", data_dir="x")),
        "x holds no data.mdb, so x is not an LMDB; for label files and pictures, set Train.dataset.name=SimpleDataSet",
    ),
    "a stray folder beside an LMDB": (
        lambda folder, dataset: (
            make_lmdb(folder, [("abc", "a.png")]),
            (folder / "lmdb" / ".ipynb_checkpoints").mkdir(),
            dataset.update(name="LMDBDataSet", data_dir="lmdb"),
        ),
        r"lmdb/.ipynb_checkpoints holds no data.mdb, an LMDBDataSet takes every folder .* move this one away",
    ),
    "an LMDB that is cut": (
        lambda folder, dataset: (
            os.truncate(make_lmdb(folder, [("abc", "a.png")]) / "data.mdb", 100),
            dataset.update(name="LMDBDataSet", data_dir="lmdb"),
        ),
        "lmdb/words: cannot open the LMDB",
    ),
    "an LMDB without samples": (
        lambda folder, dataset: (make_lmdb(folder, []), dataset.update(name="LMDBDataSet", data_dir="lmdb")),
        "the LMDB in lmdb has no samples",
    ),
}


@pytest.mark.parametrize("how", SOURCES)
def test_a_data_set_that_is_not_there_is_refused_in_one_sentence(folder, monkeypatch, how):
    monkeypatch.chdir(folder)
    config = words(folder, "a.png\tabc")
    spoil, sentence = SOURCES[how]
    spoil(folder, config["Train"]["dataset"])
    with pytest.raises(UserError, match=sentence):
        require_sources(config, ("Train",))
