"""Whether other readers read the same with an exported model: a plain reference, Paddle, RapidOCR and PaddleOCR 3.

All of them get pictures that were decoded here, so a difference is one of the model and its settings, not of image
files. A reader that is no part of this project is started by ``peers.py`` in another process.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import shapely

from ..data.line_pixels import resize_line
from ..data.polygons import are_finite
from ..errors import UserError, shorten
from ..files import PathLike
from .detect import Detector
from .engine import load_engine
from .lines import DIRECTIONS, classify, read_texts
from .model_folder import ONNX_FILE, PROGRAMS, find_description, read_yaml
from .models import Model, read_folder
from .places import has_file, has_folder

PEERS_FILE = Path(__file__).with_name("peers.py")
PEERS = {"onnxruntime": "plain onnxruntime", "rapidocr": "RapidOCR", "paddleocr": "PaddleOCR"}
LEAST_VERSION = {"rapidocr": 3, "paddleocr": 3}  # the first whole number; older ones read other folders
SAME_OVERLAP = 0.9  # intersection over union of two boxes that are the same but for rounding
START_SECONDS, PICTURE_SECONDS = 600, 60  # that a reader may take to start, and for each picture

REMARKS = ("note", "limit", "failure")  # of a reader about itself
# What a problem of a reader means, by a part of its message.
HINTS = {
    "tf_key in self._FUNC_MAP": "it does not know a step of PreProcess in inference.yml; export the model again",
    "Type of attribute": "another version of Paddle wrote the program; use the version that exported it",
}


class Reading(NamedTuple):
    """What a reader found in one picture."""

    text: str = ""  # of a line: what is written there; for a classifier one of DIRECTIONS
    score: float = 0.0  # of a line, in [0, 1]
    boxes: Sequence[Any] = ()  # of a picture, each (4, 2) in pixels
    problem: str | None = None  # why the picture was not read


class Outcome(NamedTuple):
    """What a reader found in all pictures."""

    reader: str  # name and version
    readings: list[Reading]  # one for each picture; none if the reader could not be used
    problem: str | None = None  # why it could not be used
    notes: Sequence[str] = ()  # what it had to be told
    was_tried: bool = True  # False if the reader is not installed, or not made for such a model


def open_model(folder: PathLike) -> Model:
    """The model of an exported folder with ``inference.onnx``.

    Raises:
        UserError: there is no such folder, or a file of it is missing or broken.
    """
    if has_folder(folder) and not has_file(Path(folder) / ONNX_FILE):
        raise UserError(f"{folder} has no {ONNX_FILE}, which most readers run; export the model with --onnx.")
    return read_folder(folder)


def read_name(model: Model) -> str | None:
    """``Global.model_name`` of ``inference.yml``."""
    section = read_yaml(find_description(model.path)).get("Global")
    name = section.get("model_name") if isinstance(section, dict) else None
    return name if isinstance(name, str) else None


def read_here(model: Model, pictures: Sequence[np.ndarray], engine: str = "onnxruntime") -> list[Reading]:
    """What this project reads. A long line gets no empty end, as in other readers that read it alone.

    Args:
        pictures: (H, W, 3) uint8 BGR; of a recognizer or a classifier each is a line.
        engine: "onnxruntime" or "paddle".
    Raises:
        UserError: the engine is not installed or cannot run the model, or the dictionary does not fit it.
    """
    run = load_engine(model.path, engine)
    if model.kind == "det":
        detector = Detector(run, model.settings)
        return [Reading(boxes=list(detector(picture))) for picture in pictures]
    if model.kind == "rec":
        return [Reading(text, score) for text, score in read_texts(pictures, run, model.settings, empty_end=0)]
    size = (model.settings.height, model.settings.width)
    rows = [classify(resize_line(picture, *size)[None], run)[0] for picture in pictures]
    return [Reading(DIRECTIONS[int(row.argmax())], float(row.max())) for row in rows]


def read_with_paddle(model: Model, pictures: Sequence[np.ndarray]) -> Outcome:
    """What this project reads with Paddle's engine."""
    version = _find_version("paddlepaddle", "paddlepaddle-gpu")
    if version is None:
        return Outcome("Paddle", [], "it is not installed", was_tried=False)
    title = f"Paddle {version}"
    if not model.has_program:
        problem = f"the folder holds {ONNX_FILE} alone, which onnxruntime and OpenVINO run; Paddle needs {PROGRAMS[0]}"
        return Outcome(title, [], problem, was_tried=False)
    try:
        return Outcome(title, read_here(model, pictures, "paddle"))
    except UserError as error:
        return Outcome(title, [], add_hint(str(error)))


def _find_version(*packages: str) -> str | None:
    """The version of the first of these packages that this interpreter has."""
    for package in packages:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return None


def find_packages(python: str) -> dict[str, str]:
    """{package: version} of the readers and engines that an interpreter has.

    Raises:
        UserError: it cannot be run, or does not answer as a Python does.
    """
    advice = "name the Python of an environment, such as venv/bin/python"
    command = [python, str(PEERS_FILE), "versions"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=START_SECONDS)
        if done.returncode:
            raise ValueError(f"it ended with code {done.returncode}")
        return parse_versions(done.stdout)
    except OSError as error:
        raise UserError(f"--python {python} cannot be run ({error.strerror}); {advice}.") from error
    except subprocess.TimeoutExpired as error:
        raise UserError(f"--python {python} gave no answer in {error.timeout:.0f} seconds; {advice}.") from error
    except ValueError as error:
        raise UserError(f"--python {python} is not a Python of version 3.8 or later ({error}); {advice}.") from error


def find_peers(pythons: Sequence[str]) -> dict[str, tuple[str, str]]:
    """{reader: (interpreter, title)} of those in PEERS that are installed, each with the first interpreter that has it.

    Args:
        pythons: interpreters besides the one that runs this.
    Raises:
        UserError: an interpreter cannot be run, or has none of the readers.
    """
    found: dict[str, tuple[str, str]] = {}
    for python in [*pythons, sys.executable]:
        versions = find_packages(python)
        names = [name for name in PEERS if _major(versions.get(name, "")) >= LEAST_VERSION.get(name, 0)]
        if not names:
            wanted = "onnxruntime, rapidocr 3 and paddleocr 3"
            raise UserError(f"--python {python} has none of {wanted}; install one there, or leave it out.")
        engine = "paddlepaddle" if "paddlepaddle" in versions else "paddlepaddle-gpu"
        for name in names:
            title = f"{PEERS[name]} {versions[name]}"
            if name == "paddleocr" and engine in versions:
                title += f", Paddle {versions[engine]}"
            found.setdefault(name, (python, title))
    return found


def explain_missing(name: str) -> str:
    """Why a reader was not found, and what to do: half a sentence.

    Args:
        name: a key of PEERS.
    """
    version = _find_version(name)
    problem = "it is not installed" if version is None else f"version {LEAST_VERSION[name]} is not installed here"
    return f"{problem}{f' ({version} is)' if version else ''}; name an interpreter that has it with --python"


def _major(version: str) -> int:
    """The first number of a version; -1 for none."""
    first = version.partition(".")[0]
    return int(first) if first.isdecimal() else -1


def describe_job(model: Model, files: Sequence[Path], dictionary: Path) -> dict[str, Any]:
    """What ``peers.py`` has to know.

    Args:
        files: the pictures.
        dictionary: a file with the characters of a recognizer, one on each line.
    """
    return {
        "kind": model.kind,
        "folder": str(model.path.resolve()),
        "onnx": str(model.onnx_file.resolve()),
        "program": model.has_program,
        "model_name": read_name(model),
        "settings": model.settings._asdict(),
        "dictionary": str(dictionary),
        "pictures": [str(file) for file in files],
    }


def read_with_peers(model: Model, pictures: Sequence[np.ndarray], pythons: Sequence[str]) -> list[Outcome]:
    """What each reader in PEERS finds, one after the other, also of those that are not installed.

    Raises:
        UserError: an interpreter cannot be run, or has none of the readers, or the pictures cannot be written for them.
    """
    peers = find_peers(pythons)
    with contextlib.ExitStack() as stack:
        try:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            files = [folder / f"{number}.png" for number in range(len(pictures))]
            for file, picture in zip(files, pictures):
                file.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
            dictionary = folder / "dictionary.txt"
            characters = getattr(model.settings, "dictionary", None) or []
            dictionary.write_text("".join(f"{character}\n" for character in characters), encoding="utf-8")
        except OSError as error:
            raise UserError(
                f"cannot write the pictures for other programs to {tempfile.gettempdir()}: {error.strerror or error}; "
                "free space there, or name another folder in TMPDIR."
            ) from error
        job = describe_job(model, files, dictionary)
        return [
            run_peer(name, *peers[name], job)
            if name in peers
            else Outcome(title, [], explain_missing(name), was_tried=False)
            for name, title in PEERS.items()
        ]


def run_peer(name: str, python: str, title: str, job: Mapping[str, Any]) -> Outcome:
    """What one reader finds.

    Args:
        name: a key of PEERS.
        python: the interpreter that has it.
        title: what the outcome calls it.
        job: as :func:`describe_job` makes it.
    """
    command, count = [python, str(PEERS_FILE), name], len(job["pictures"])
    limit = START_SECONDS + PICTURE_SECONDS * count
    try:
        done = subprocess.run(command, input=json.dumps(job).encode(), capture_output=True, timeout=limit)
    except subprocess.TimeoutExpired as error:
        return Outcome(title, [], f"it gave no answer in {error.timeout:.0f} seconds")
    last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
    ending = f"it ended with code {done.returncode} ({last[0]})"
    try:
        answers = [parse_answer(line, job["kind"]) for line in done.stdout.splitlines()]
    except ValueError as error:
        return Outcome(title, [], ending if done.returncode else f"{error}, which is not an answer of a reader")
    readings = [answer for answer in answers if isinstance(answer, Reading)]
    said = {name: [each[name] for each in answers if isinstance(each, dict) and name in each] for name in REMARKS}
    if said["limit"]:
        return Outcome(title, [], said["limit"][0], was_tried=False)
    if said["failure"]:
        return Outcome(title, [], add_hint(said["failure"][0]), said["note"])
    if len(readings) < count:
        return Outcome(title, [], ending, said["note"])
    if len(readings) > count:
        return Outcome(title, [], f"it gave {len(readings)} answers for {count} pictures", said["note"])
    return Outcome(title, readings, notes=said["note"])


def parse_versions(output: bytes) -> dict[str, str]:
    """{package: version} that an interpreter printed.

    Raises:
        ValueError: it printed something else; the message, half a sentence, shows it.
    """
    with _showing(output):
        return {package: version.strip() for package, version in json.loads(output).items()}


def parse_answer(line: bytes, kind: str) -> Reading | dict[str, str]:
    """What one line of a reader says: what it found in a picture, or {name: text} of REMARKS.

    Args:
        kind: of the model: "det", "rec" or "cls".
    Raises:
        ValueError: it is no line of a reader of such a model; the message, half a sentence, shows it.
    """
    with _showing(line):
        answer = json.loads(line)
        if "problem" in answer:
            return Reading(problem=str(answer["problem"]))
        remarks = {name: str(answer[name]) for name in REMARKS if name in answer}
        if remarks:
            return remarks
        if kind != "det":
            return Reading(str(answer["text"]), float(answer["score"]))
        boxes = np.array(answer["boxes"], float).reshape(len(answer["boxes"]), 4, 2)
        if not are_finite(boxes):  # NaN would count as the partner of every box
            raise ValueError("a coordinate is no number")
        return Reading(boxes=list(boxes))


@contextlib.contextmanager
def _showing(output: bytes) -> Iterator[None]:
    """A context in which any error means that another program printed ``output``, and not what was agreed."""
    try:
        yield
    except Exception as error:  # a program that is named as an interpreter may print anything
        raise ValueError(f"it printed {shorten(output.decode('utf-8', 'replace').strip())}") from error


def add_hint(problem: str) -> str:
    """A problem, with what it means where that is known."""
    return next((f"{hint} ({problem.rstrip('.')})" for part, hint in HINTS.items() if part in problem), problem)


def is_same(ours: Reading, theirs: Reading) -> bool:
    """Whether two readers found the same: the same text, and boxes that are the same but for rounding."""
    return theirs.problem is None and ours.text == theirs.text and not find_single_boxes(ours.boxes, theirs.boxes)


def find_single_boxes(ours: Sequence[Any], theirs: Sequence[Any]) -> list[tuple[str, Any]]:
    """The boxes without a partner among the others: ("here" or "there", (4, 2)). Partners overlap by SAME_OVERLAP.

    A box is what its corners enclose, whatever their order.
    """
    corners = [np.asarray(boxes, float).reshape(-1, 4, 2) for boxes in (ours, theirs)]
    shapes = [shapely.convex_hull(shapely.multipoints(each)) for each in corners]
    shared = shapely.area(shapely.intersection(shapes[0][:, None], shapes[1][None, :])).reshape(len(ours), len(theirs))
    areas = [shapely.area(each) for each in shapes]
    overlap = shared / np.maximum(areas[0][:, None] + areas[1][None, :] - shared, 1e-9)
    single = [("here", box) for box, row in zip(ours, overlap) if row.max(initial=0) < SAME_OVERLAP]
    return single + [("there", box) for box, column in zip(theirs, overlap.T) if column.max(initial=0) < SAME_OVERLAP]
