"""Small data sets for tests, as label files and as LMDBs, and the parts of configs that read them."""

import json

from ppocrv2_ext.data.check import check_data
from ppocrv2_ext.data.line_frames import Frames

SQUARE = [[10, 10], [80, 10], [80, 40], [10, 40]]


def scene(name, *polygons, text="EXIT"):
    return f"{name}\t{json.dumps([{'transcription': text, 'points': points} for points in polygons])}"


GOOD_SCENES = {
    "sound": scene("a.png", SQUARE),
    "grey-image": scene("grey.png", SQUARE),
    "transparent-image": scene("rgba.png", SQUARE),
    "16-bit-image": scene("deep.png", SQUARE),
    "all-ignored": scene("a.png", SQUARE, text="###"),
    "several": scene('["a.png", "rgba.png"]', SQUARE),
    "more-columns": scene("a.png", SQUARE) + "\tmore",
    "windows-line-end": scene("a.png", SQUARE) + "\r",
    "crossing": scene("a.png", SQUARE, [[10, 10], [80, 40], [80, 10], [10, 40]]),
    "partly-outside": scene("a.png", SQUARE, [[-30, 60], [40, 60], [40, 80]]),
    "outside": scene("a.png", SQUARE, [[200, 10], [220, 10], [220, 20]]),
    "few-points": scene("a.png", SQUARE, [[5, 5], [9, 9]]),
    "not-finite": scene("a.png", SQUARE, [[float("nan"), 10], [30, 10], [30, 20]]),
    "not-a-text": scene("a.png", SQUARE, text=None),
    "zero-area": scene("a.png", SQUARE, [[10, 10], [20, 20], [30, 30]]),
}
BAD_SCENES = {
    "no-tab": "a.png EXIT",
    "missing-image": scene("nowhere.png", SQUARE),
    "empty-image": scene("empty.png", SQUARE),
    "broken-image": scene("broken.png", SQUARE),
    "not-json": "a.png\tEXIT",
    "not-objects": 'a.png\t{"points": []}',
    "no-text": "a.png\t[]",
}


def write(file, *lines):
    file.write_bytes(b"".join(line if isinstance(line, bytes) else line.encode() + b"\n" for line in lines))
    return file


def make_config(files, *transforms, **settings):
    """The part of a config that :func:`check_data` reads."""
    dataset = {
        "name": "SimpleDataSet",
        "data_dir": str(files[0].parent),
        "label_file_list": [str(file) for file in files],
        "transforms": [{"DecodeImage": None}, *transforms, {"KeepKeys": {"keep_keys": []}}],
    }
    return {"Global": settings, "Train": {"dataset": dataset}, "Eval": {"dataset": dataset}}


def scenes(folder, *lines, **settings):
    return make_config([write(folder / "scenes.txt", *lines)], {"DetLabelEncode": None}, **settings)


def words(folder, *lines, width=80, **settings):
    dictionary = write(folder / "dictionary.txt", *"abc")
    shape = {"RecResizeImg": {"image_shape": [3, 32, width]}}
    settings = {"character_dict_path": str(dictionary), "max_text_length": 25, **settings}
    return make_config([write(folder / "words.txt", *lines)], {"CTCLabelEncode": None}, shape, **settings)


def lcnet(width, key="RecResizeImg.image_shape"):
    """What PP-OCRv2's LCNet makes of lines of this width."""
    return Frames("LCNet", key, width, width // 4, width // 4, 4.0)


def train_set(config, frames=None, loads_addresses=False):
    (data_set,) = check_data(config, ("Train",), {"Train": frames} if frames else {}, loads_addresses).sets
    return data_set


def counts(data_set):
    return {reason: len(places) for reason, places in data_set.places.items()}


def make_lmdb(folder, entries):
    """An LMDB of (label, name of a picture) pairs; None for what is missing."""
    import lmdb

    place = folder / "lmdb" / "words"
    place.mkdir(parents=True)
    with lmdb.open(str(place), map_size=2**22) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"num-samples", str(len(entries)).encode())
        for number, (label, picture) in enumerate(entries, 1):
            if label is not None:
                transaction.put(b"label-%09d" % number, label.encode())
            if picture is not None:
                transaction.put(b"image-%09d" % number, (folder / picture).read_bytes())
    return place


def lmdb_words(folder, *entries, **settings):
    place = make_lmdb(folder, entries)
    config = words(folder, "unused", **settings)
    config["Train"]["dataset"].update(name="LMDBDataSet", data_dir=str(place.parent))
    return config, place
