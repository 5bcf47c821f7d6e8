"""Readers that are no part of this project: plain onnxruntime, RapidOCR and PaddleOCR 3.

Each is started by ``peers.py`` in another process, with an interpreter that has it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..data.box_checks import are_finite
from ..errors import UserError, reason_of, shorten
from ..packages import find_version
from .model_folder import read_model_name
from .models import Model
from .verification import Outcome, PictureReading, add_hint

PEERS_FILE = Path(__file__).with_name("peers.py")
PEERS = {"onnxruntime": "plain onnxruntime", "rapidocr": "RapidOCR", "paddleocr": "PaddleOCR"}
LEAST_VERSION = {"rapidocr": 3, "paddleocr": 3}  # the first whole number; older ones read other folders
START_SECONDS, PICTURE_SECONDS = 600, 60  # that a reader may take to start, and for each picture

REMARKS = ("note", "limit", "failure")  # of a reader about itself


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
        raise UserError(f"--python {python} cannot be run ({reason_of(error)}); {advice}.") from error
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
    version = find_version(name)
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
        "model_name": read_model_name(model.path),
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
                f"cannot write the pictures for other programs to {tempfile.gettempdir()}: {reason_of(error)}; "
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
    readings = [answer for answer in answers if isinstance(answer, PictureReading)]
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


def parse_answer(line: bytes, kind: str) -> PictureReading | dict[str, str]:
    """What one line of a reader says: what it found in a picture, or {name: text} of REMARKS.

    Args:
        kind: of the model: "det", "rec" or "cls".
    Raises:
        ValueError: it is no line of a reader of such a model; the message, half a sentence, shows it.
    """
    with _showing(line):
        answer = json.loads(line)
        if "problem" in answer:
            return PictureReading(problem=str(answer["problem"]))
        remarks = {name: str(answer[name]) for name in REMARKS if name in answer}
        if remarks:
            return remarks
        if kind != "det":
            return PictureReading(str(answer["text"]), float(answer["score"]))
        boxes = np.array(answer["boxes"], float).reshape(len(answer["boxes"]), 4, 2)
        if not are_finite(boxes):  # NaN would count as the partner of every box
            raise ValueError("a coordinate is no number")
        return PictureReading(boxes=list(boxes))


@contextlib.contextmanager
def _showing(output: bytes) -> Iterator[None]:
    """A context in which any error means that another program printed ``output``, and not what was agreed."""
    try:
        yield
    except Exception as error:  # a program that is named as an interpreter may print anything
        raise ValueError(f"it printed {shorten(output.decode('utf-8', 'replace').strip())}") from error
