"""Broken data sets for detection and recognition, each with one thing wrong, made from a seed.

A case is a small folder of pictures with labels, or an LMDB. It is checked as `ppocrv2 check` does it, its report is
written, and its clean form is checked again: that must be whole. Some cases are also given to the command, in a process
of its own, and both must agree. Each kind says which exit codes are right.
"""

from __future__ import annotations

import io
import json
import os
import random
import struct
import subprocess
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from rich.console import Console

from ppocrv2_ext.data import check_report, clean
from ppocrv2_ext.data.check import check_data
from ppocrv2_ext.data.line_frames import Frames
from ppocrv2_ext.data.sources import require_sources
from ppocrv2_ext.errors import UserError

from . import VERDICT_OF_CODE, Outcome, TimeoutReached, judge_command, run_command, time_limit

COUNT = 360
LIMIT, COMMAND_LIMIT = 20.0, 120.0  # seconds
CONFIGS = {True: "det/ch_PP-OCRv2_det_student", False: "rec/ch_PP-OCRv2_rec_finetune"}
LINES = 8
FRAMES = {"Train": Frames("LCNet", "RecResizeImg.image_shape", 64, 16, 16, 4.0)}  # of the recognizer in CONFIGS
FINE, FINDS, REFUSES = 0, 1, 2  # exit codes


@dataclass
class Case:
    """A data set before it is written: of scenes for a detector, or of words for a recognizer."""

    folder: Path
    is_scene: bool
    rng: random.Random
    lines: list[bytes] = field(default_factory=list)
    dictionary: bytes = b"a\nb\nc\nd\ne\nf\n\xc3\xa9\n"
    dataset: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def pick_number(self) -> int:
        """A line, and its picture, to break."""
        return self.rng.randrange(LINES)

    def picture(self, number: int) -> Path:
        """The path of a picture."""
        return self.folder / f"{number}.png"

    def relabel(self, label: str | bytes, number: int | None = None) -> None:
        """Give a line another label."""
        number = self.pick_number() if number is None else number
        self.lines[number] = f"{number}.png\t".encode() + (label if isinstance(label, bytes) else label.encode())

    def rename(self, name: str | bytes) -> None:
        """Let a line name another picture."""
        number = self.pick_number()
        _, _, label = self.lines[number].partition(b"\t")
        self.lines[number] = (name if isinstance(name, bytes) else name.encode()) + b"\t" + label


def make_sound_case(folder: Path, is_scene: bool, rng: random.Random) -> Case:
    """A data set with nothing wrong, its pictures written."""
    case = Case(folder, is_scene, rng)
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(rng.randrange(2**32))
    for number in range(LINES):
        width, height = (320, 300) if is_scene else (64, 32)
        cv2.imwrite(str(case.picture(number)), pixels.integers(0, 256, (height, width, 3), dtype=np.uint8))
        label = _boxes([_square(rng)]) if is_scene else "".join(rng.choices("abcdef", k=rng.randint(1, 8)))
        case.lines.append(f"{number}.png\t{label}".encode())
    return case


def _square(rng: random.Random) -> list[list[int]]:
    x, y, side = rng.randint(0, 250), rng.randint(0, 250), rng.randint(5, 40)
    return [[x, y], [x + side, y], [x + side, y + side], [x, y + side]]


def _boxes(polygons: list, text: Any = "EXIT", **more: Any) -> str:
    return json.dumps([{"transcription": text, "points": points, **more} for points in polygons])


def write(case: Case) -> dict:
    """Write the labels and the dictionary of a case.

    Returns:
        The part of a config that the check reads.
    """
    labels, dictionary = case.folder / "labels.txt", case.folder / "dictionary.txt"
    if not os.path.lexists(labels):
        labels.write_bytes(b"".join(line + b"\n" for line in case.lines))
    if not os.path.lexists(dictionary):
        dictionary.write_bytes(case.dictionary)
    encoder = {"DetLabelEncode": None} if case.is_scene else {"CTCLabelEncode": None}
    shape = [] if case.is_scene else [{"RecResizeImg": {"image_shape": [3, 32, 64]}}]
    dataset = {
        "name": "SimpleDataSet",
        "data_dir": str(case.folder),
        "label_file_list": [str(labels)],
        "transforms": [{"DecodeImage": None}, encoder, *shape, {"KeepKeys": {"keep_keys": ["image"]}}],
        **case.dataset,
    }
    settings = {"max_text_length": 25, "use_space_char": False, **case.settings}
    if not case.is_scene:
        settings = {"character_dict_path": str(dictionary), **settings}
    return {"Global": settings, "Train": {"dataset": dataset}, "Eval": {"dataset": dataset}}


def run(count: int, seed: int, folder: Path, clone: str | None = None, commands: int = 0) -> Iterator[Outcome]:
    """Make ``count`` data sets from ``seed`` and check each; give ``commands`` of them to the command too."""
    names, cases = list(KINDS), []
    for number in range(count):
        name = names[number % len(names)]
        break_it, scenes, right = KINDS[name]
        rng = random.Random(f"{seed} {number}")
        is_scene = scenes if scenes is not None else bool(number // len(names) % 2)
        case = make_sound_case(folder / f"{number:04}", is_scene, rng)
        break_it(case)
        config = write(case)
        outcome, code = check_in_process(name, config, case.folder, f"case {number} of seed {seed}", right)
        cases.append((case, config, outcome, code))
        yield outcome
    for case, config, outcome, code in random.Random(seed).sample(cases, min(commands, len(cases))):
        yield _run_command(case, config, outcome, code, clone)


def check_in_process(kind: str, config: dict, folder: Path, case: str, right: frozenset[int]) -> tuple[Outcome, int]:
    """(outcome, exit code) of a check, of the refusal or the clean form that follows it, and of a check of that."""
    start, code, said = time.monotonic(), -1, ""
    try:
        with time_limit(LIMIT):
            code, said = _check(config, folder)
        verdict = VERDICT_OF_CODE[code] if code in right else "wrong exit code"
        if said.startswith("damage"):
            verdict = "damage"
    except TimeoutReached:
        verdict = "no end"
    except Exception:
        verdict, said = "traceback", traceback.format_exc()[-1500:]
    return Outcome(kind, verdict, time.monotonic() - start, case, said), code


def _check(config: dict, folder: Path) -> tuple[int, str]:
    try:
        require_sources(config, ("Train",))
        report = check_data(config, ("Train",), FRAMES)
    except UserError as error:
        return REFUSES, str(error)
    with open(os.devnull, "w", encoding="utf-8") as sink:
        Console(file=sink, width=1000).print(check_report.render(report))
    check_report.write_json(report, folder / "check.json")
    code = int(not report.is_sound)
    try:
        clean.require_usable(report)
    except UserError as error:
        return code, str(error)
    changed = clean.with_clean_label_files(config, report, folder / "clean")
    left = check_data(changed, ("Train",), FRAMES)
    if not clean.is_lmdb(report.sets[0]) and left.sets[0].needs_rewriting and not config["Global"].get("unicode_form"):
        return code, f"damage: the clean form has {left.sets[0].places}"
    return code, "; ".join(report.sets[0].places)


def _run_command(case: Case, config: dict, outcome: Outcome, code: int, clone: str | None) -> Outcome:
    """The outcome of `ppocrv2 check` in a process of its own, which must end as the check in this one did."""
    dataset = config["Train"]["dataset"]
    chosen = {
        **{f"Global.{key}": value for key, value in config["Global"].items()},
        **{
            f"{mode}.dataset.{key}": value
            for mode in ("Train", "Eval")
            for key, value in dataset.items()
            if key != "transforms"
        },
    }
    if not case.is_scene:
        chosen["Train.dataset.transforms.RecResizeImg.image_shape"] = "[3,32,64]"
    words = ["check", "-c", CONFIGS[case.is_scene], "-o"]
    words += [f"{key}={json.dumps(value) if isinstance(value, list) else value}" for key, value in chosen.items()]
    start = time.monotonic()
    try:
        ending, said = run_command(words, Path.cwd(), clone, COMMAND_LIMIT)
    except subprocess.TimeoutExpired:
        return outcome._replace(kind="command: check", verdict="no end", seconds=COMMAND_LIMIT)
    verdict = judge_command(ending, said)
    if verdict != "traceback" and ending != code:
        verdict = "wrong exit code"
    return Outcome("command: check", verdict, time.monotonic() - start, f"{outcome.kind}: {outcome.case}", said[-600:])


def _png(width: int, height: int, rows: int) -> bytes:
    """A PNG whose header says ``height`` and whose data have ``rows``."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(1 + width) * rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _replace_picture(make: Callable[[Case, bytes], bytes]) -> Callable[[Case], None]:
    def break_it(case: Case) -> None:
        path = case.picture(case.pick_number())
        path.write_bytes(make(case, path.read_bytes()))

    return break_it


def _in_place_of_picture(make: Callable[[Path], object]) -> Callable[[Case], None]:
    def break_it(case: Case) -> None:
        path = case.picture(case.pick_number())
        path.unlink()
        make(path)

    return break_it


def _flip_bits(case: Case, content: bytes) -> bytes:
    spoilt = bytearray(content)
    for _ in range(case.rng.choice((1, 3, 30))):
        spoilt[case.rng.randrange(len(spoilt))] ^= 1 << case.rng.randrange(8)
    return bytes(spoilt)


def _other_format(case: Case, content: bytes) -> bytes:
    form, mode = case.rng.choice(
        (("GIF", "P"), ("TIFF", "RGB"), ("WEBP", "RGBA"), ("BMP", "RGB"), ("JPEG", "CMYK"), ("PNG", "LA"), ("PPM", "L"))
    )
    file = io.BytesIO()
    Image.open(io.BytesIO(content)).convert(mode).save(file, form)
    return file.getvalue()


def _change_line(change: Callable[[Case, bytes], bytes]) -> Callable[[Case], None]:
    def break_it(case: Case) -> None:
        number = case.pick_number()
        case.lines[number] = change(case, case.lines[number])

    return break_it


def _random_bytes(case: Case, line: bytes) -> bytes:
    spoilt = bytearray(line)
    for _ in range(case.rng.choice((1, 2, 8))):
        spoilt[case.rng.randrange(len(spoilt))] = case.rng.randrange(256)
    return bytes(spoilt)


def _encode(*encodings: str) -> Callable[[Case], None]:
    def break_it(case: Case) -> None:
        text = b"".join(line + b"\n" for line in case.lines).decode()
        (case.folder / "labels.txt").write_bytes(text.encode(case.rng.choice(encodings)))

    return break_it


def _in_place_of(name: str) -> Callable[[Case], None]:
    """Something else in place of the labels or the dictionary."""

    def break_it(case: Case) -> None:
        path = case.folder / name
        case.rng.choice((path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to("/dev/zero"), path.touch))()

    return break_it


def _polygons(*choices: Any) -> Callable[[Case], None]:
    """A second box with one of ``choices`` as its points."""
    return lambda case: case.relabel(_boxes([_square(case.rng), case.rng.choice(choices)]))


def _all_polygons(change: Callable[[float], float]) -> Callable[[Case], None]:
    def break_it(case: Case) -> None:
        for number in range(LINES):
            case.relabel(_boxes([[[change(x), change(y)] for x, y in _square(case.rng)]]), number)

    return break_it


def _labels(*choices: str | bytes) -> Callable[[Case], None]:
    return lambda case: case.relabel(case.rng.choice(choices))


def _names(*choices: str | bytes) -> Callable[[Case], None]:
    return lambda case: case.rename(case.rng.choice(choices))


def _dictionary(*choices: bytes) -> Callable[[Case], None]:
    def break_it(case: Case) -> None:
        case.dictionary = case.rng.choice(choices)

    return break_it


def _dataset(**choices: list) -> Callable[[Case], None]:
    return lambda case: case.dataset.update({key: case.rng.choice(values) for key, values in choices.items()})


def _all_labels(label: str) -> Callable[[Case], None]:
    def break_it(case: Case) -> None:
        for number in range(LINES):
            case.relabel(label, number)

    return break_it


def _lmdb(spoil: Callable[[Case, Any, Path], object]) -> Callable[[Case], None]:
    """The same samples in an LMDB, broken inside a transaction or, once it is closed, outside."""

    def break_it(case: Case) -> None:
        import lmdb

        place = case.folder / "lmdb" / "part"
        place.mkdir(parents=True)
        with lmdb.open(str(place), map_size=2**24) as environment, environment.begin(write=True) as transaction:
            transaction.put(b"num-samples", str(LINES).encode())
            for number, line in enumerate(case.lines):
                transaction.put(b"label-%09d" % (number + 1), line.partition(b"\t")[2])
                transaction.put(b"image-%09d" % (number + 1), case.picture(number).read_bytes())
            spoil(case, transaction, place)
        spoil(case, None, place)
        case.dataset.update(name="LMDBDataSet", data_dir=str(case.folder / "lmdb"))

    return break_it


def _inside(change: Callable[[Case, Any], object]) -> Callable[[Case], None]:
    return _lmdb(lambda case, transaction, place: transaction and change(case, transaction))


def _outside(change: Callable[[Case, Path], object]) -> Callable[[Case], None]:
    return _lmdb(lambda case, transaction, place: None if transaction else change(case, place))


def _key(case: Case) -> bytes:
    return case.rng.choice((b"label-%09d", b"image-%09d")) % (case.pick_number() + 1)


def _codes(*codes: int) -> frozenset[int]:
    return frozenset(codes)


SOUND, BROKEN, STOPS = _codes(FINE), _codes(FINDS), _codes(REFUSES)
NAN, INF = float("nan"), float("inf")
# {kind: (what breaks a case, whether it is about scenes (None: both), the exit codes that are right)}
KINDS: dict[str, tuple[Callable[[Case], object], bool | None, frozenset[int]]] = {
    "nothing": (lambda case: None, None, SOUND),
    # lines
    "random bytes in a line": (_change_line(_random_bytes), None, _codes(FINE, FINDS)),
    "a line without a tab": (_change_line(lambda case, line: line.replace(b"\t", b" ")), None, BROKEN),
    "a line that is cut": (_change_line(lambda case, line: line[:4]), None, BROKEN),
    "a blank line": (_change_line(lambda case, line: b"  "), None, SOUND),
    "a line of a megabyte": (_change_line(lambda case, line: line + b"x" * 2**20), None, BROKEN),
    "a line that is not UTF-8": (_change_line(lambda case, line: line + "é".encode("latin-1")), None, BROKEN),
    "more columns": (_change_line(lambda case, line: line + b"\tmore\tand more"), None, SOUND),
    "line ends of Windows": (_change_line(lambda case, line: line + b"\r"), None, SOUND),
    "labels in UTF-16": (_encode("utf-16", "utf-16-le", "utf-16-be", "utf-32"), None, SOUND),
    "labels with a byte-order mark": (_encode("utf-8-sig"), None, SOUND),
    "no label file": (_in_place_of("labels.txt"), None, STOPS),
    # images
    "a picture that is missing": (_names("nowhere.png", "nowhere/0.png", "0", " 0.png"), None, BROKEN),
    "a hostile name": (_names("a\0b", "x" * 5000, "", "%s", "\\\\host\\a.png", "[" * 9999), None, BROKEN),
    "a list of pictures": (_names('["0.png", "1.png"]', '["2.png"]'), None, SOUND),
    "a list of no pictures": (_names("[]", "[1]", '[["0.png"]]', '["0.png", "nowhere.png"]'), None, BROKEN),
    "a picture outside the folder": (lambda case: case.dataset.update(data_dir=str(_inner(case))), None, BROKEN),
    "an empty picture": (_replace_picture(lambda case, content: b""), None, BROKEN),
    "a picture that is cut": (
        _replace_picture(lambda case, content: content[: case.rng.randrange(1, len(content) - 12)]),
        None,
        BROKEN,
    ),
    "bits of a picture flipped": (_replace_picture(_flip_bits), None, _codes(FINE, FINDS)),
    "a text as picture": (_replace_picture(lambda case, content: b"<html>404</html>"), None, BROKEN),
    "another format": (_replace_picture(_other_format), None, SOUND),
    "a picture of a gigapixel": (_replace_picture(lambda case, content: _png(40000, 40000, 1)), None, BROKEN),
    "a picture that lies": (_replace_picture(lambda case, content: _png(3000, 3000, 2000)), None, BROKEN),
    "a picture of a pixel": (_replace_picture(lambda case, content: _png(1, 1, 1)), None, BROKEN),
    "a pipe as picture": (_in_place_of_picture(os.mkfifo), None, BROKEN),
    "a folder as picture": (_in_place_of_picture(Path.mkdir), None, BROKEN),
    "a device as picture": (_in_place_of_picture(lambda path: path.symlink_to("/dev/zero")), None, BROKEN),
    "a link to itself": (_in_place_of_picture(lambda path: path.symlink_to(path.name)), None, BROKEN),
    # boxes
    "coordinates that are no numbers": (
        _polygons([[NAN, 1], [9, 1], [9, 9]], [[INF, 1], [9, 1], [9, 9]], [[1e300, 1], [9, 1], [9, 9]], [["x", 1]] * 3),
        True,
        BROKEN,
    ),
    "points that are none": (_polygons(None, 7, "here", [], [[]], {"x": 1}, [[1, 2], [3]], [[[1]]] * 4), True, BROKEN),
    "boxes outside": (_polygons([[900, 900], [950, 900], [950, 950]], [[-9, -9], [-5, -9], [-5, -5]]), True, BROKEN),
    "boxes that reach out": (_polygons([[250, 10], [400, 10], [400, 90], [250, 90]]), True, BROKEN),
    "boxes that cross": (_polygons([[10, 10], [90, 90], [90, 10], [10, 90]]), True, BROKEN),
    "slivers": (
        _polygons([[10, 10], [200, 10], [200, 10.4], [10, 10.4]], [[5, 5], [5.5, 5], [5.5, 5.5]]),
        True,
        BROKEN,
    ),
    "boxes in fractions": (_all_polygons(lambda x: x / 300), True, BROKEN),
    "boxes in percent": (_all_polygons(lambda x: x / 3), True, BROKEN),
    "difficult boxes": (lambda case: case.relabel(_boxes([_square(case.rng)], difficult=True)), True, SOUND),
    "no box": (_labels("[]"), True, BROKEN),
    "a label that is no list": (_labels("{}", "1", '"x"', "null", "[1]", "[[]]", '[{"points": 1}]'), True, BROKEN),
    "a label that is no JSON": (_labels("[{]", "EXIT", "", "[" * 99999, "{'a': 1}", b"[\xff]"), True, BROKEN),
    "a text that is none": (
        lambda case: case.relabel(_boxes([_square(case.rng)], case.rng.choice((None, 7, [], {}, "\ud800", "")))),
        True,
        SOUND,
    ),
    "labels of a recognizer": (_all_labels("abc"), True, BROKEN),
    # texts
    "labels of a detector": (_all_labels(_boxes([[[1, 2], [9, 2], [9, 9]]])), False, BROKEN),
    "characters that are unknown": (_labels("ab€", "a b", "a\u200bb", "a\U0001f600", "\u202eab"), False, BROKEN),
    "accents apart": (_labels("e\u0301", "abe\u0301"), False, BROKEN),
    "accents apart, mended": (
        lambda case: (case.relabel("abe\u0301"), case.settings.update(unicode_form="NFC")),
        False,
        SOUND,
    ),
    "a long text": (_labels("a" * 26, "abcdef" * 99, "ab" * 10**5), False, BROKEN),
    "a text that needs more frames": (_labels("a" * 9, "aabbccddeeff"), False, BROKEN),
    "an empty text": (_labels("", b"\r"), False, BROKEN),
    # dictionaries
    "an unusual dictionary": (
        _dictionary(
            b"\xef\xbb\xbfa\nb\nc\nd\ne\nf\n",
            b"a\n\nb\nc\nd\ne\nf\n",
            b"# letters\na\nb\nc\nd\ne\nf\n",
            b"a\nb\nc\na\nd\ne\nf\n",
            b"a\r\nb\r\nc\r\nd\r\ne\r\nf\r\n",
        ),
        False,
        SOUND,
    ),
    "a dictionary in one row": (_dictionary(b"abcdef", b"abcdef\n"), False, BROKEN),
    "a dictionary that cannot be read": (
        _dictionary(b"", b"\n", b"a\n\n", b"\xff\xfea\0\n\0", b"a\n\xff\n", "a\nb\nc\n".encode("utf-16")),
        False,
        STOPS,
    ),
    "no dictionary": (_in_place_of("dictionary.txt"), False, STOPS),
    # settings
    "a wrong ratio_list": (_dataset(ratio_list=[0, -1, 2, [0.5, 0.5], [], ["x"], "x", None, True]), None, STOPS),
    "a wrong data_dir": (_dataset(data_dir=["nowhere", "/dev/zero", "", None, __file__]), None, STOPS),
    "a wrong label_file_list": (_dataset(label_file_list=[["nowhere.txt"], [], "nowhere.txt", ["/"]]), None, STOPS),
    "widths that are not there": (_dataset(name=["MultiScaleDataSet"], ds_width=[True]), False, BROKEN),
    # LMDBs
    "a sound LMDB": (_lmdb(lambda case, transaction, place: None), None, SOUND),
    "an LMDB without an entry": (_inside(lambda case, transaction: transaction.delete(_key(case))), None, BROKEN),
    "rubbish in an LMDB": (_inside(lambda case, transaction: transaction.put(_key(case), b"\xff\0")), None, BROKEN),
    "an LMDB that miscounts": (
        _inside(
            lambda case, transaction: transaction.put(b"num-samples", case.rng.choice((b"x", b"0", b"-3", b"\xff")))
        ),
        None,
        STOPS,
    ),
    "an LMDB that is cut": (
        _outside(lambda case, place: os.truncate(place / "data.mdb", case.rng.choice((0, 1, 100, 4096)))),
        None,
        STOPS,
    ),
    "a stray folder beside an LMDB": (_outside(lambda case, place: (place.parent / ".cache").mkdir()), None, STOPS),
}


def _inner(case: Case) -> Path:
    """A folder inside the case's own; the lines name the pictures above it."""
    (case.folder / "inner").mkdir()
    case.lines = [b"../" + line for line in case.lines]
    return case.folder / "inner"
