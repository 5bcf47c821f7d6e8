"""Other readers of exported models. Each works in a process of its own, in an interpreter that may lack this project.

    python peers.py versions
    python peers.py READER < JOB

This file is run, never imported. ``versions`` prints {package: version} of what the interpreter has. A reader gets its
job, as :func:`.peer_processes.describe_job` makes it, and prints lines of JSON. {"note"} says what it had to be told,
{"limit"} that it is not made for such a model, {"failure"} why it cannot use the model. Otherwise each picture has one
line: {"text", "score"} of a recognizer or a classifier, {"boxes"} of a detector, or {"problem"}.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKAGES = ("onnxruntime", "rapidocr", "paddleocr", "paddlepaddle", "paddlepaddle-gpu")
MOST_SHOWN = 200  # characters of an error
LEAST_SIDE = 3  # pixels; PaddleOCR's pipelines drop a box that is not wider or not higher
SHORT_SIDE = 736  # pixels; of DetResizeForTest without options
LARGEST_SIDE = 4000  # pixels; of DetResizeForTest without max_side_limit
LEAST_SUM = 64  # pixels; DetResizeForTest pads a picture with less height and width together


class LimitError(Exception):
    """A reader is not made for such a model."""


Reader = Callable[[Any], dict]  # from a picture, (H, W, 3) uint8 BGR, to its line of output


def list_versions() -> dict[str, str]:
    """{package: version} of those of PACKAGES that are installed."""
    from importlib import metadata

    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def start_plain(job: dict, say: Callable[[dict], None]) -> Reader:
    """onnxruntime, and what stands before and after it in as few lines as possible: a reference for all others."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(job["onnx"], options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(inputs: Any) -> Any:
        return session.run(None, {name: np.ascontiguousarray(inputs, np.float32)})[0][0]

    read = {"det": detect_plainly, "rec": recognize_plainly, "cls": classify_plainly}[job["kind"]]
    return lambda image: read(image, run, job["settings"])


def recognize_plainly(image: Any, run: Callable, settings: dict) -> dict:
    """The likeliest class of each frame, without repeats and blanks. A line is never squeezed."""
    height, width = settings["height"], settings["width"]
    width = max(width, int(height * image.shape[1] / image.shape[0]))
    probabilities = run(normalize_line(image, height, width))
    best = probabilities.argmax(1)
    written = [t for t, c in enumerate(best) if c and (not t or c != best[t - 1])]
    names = ["", *settings["dictionary"], " "]
    scores = [float(probabilities[t].max()) for t in written]
    return {"text": "".join(names[best[t]] for t in written), "score": sum(scores) / max(1, len(scores))}


def classify_plainly(image: Any, run: Callable, settings: dict) -> dict:
    """Whether a line is turned by 0 or by 180 degrees."""
    probabilities = run(normalize_line(image, settings["height"], settings["width"]))
    return {"text": ("0", "180")[int(probabilities.argmax())], "score": float(probabilities.max())}


def normalize_line(image: Any, height: int, width: int) -> Any:
    """A line as (1, 3, height, width), pixels in [-1, 1], 0 to the right of it."""
    import cv2
    import numpy as np

    used = min(width, math.ceil(height * image.shape[1] / image.shape[0]))
    inputs = np.zeros((1, 3, height, width), np.float32)
    inputs[0, :, :, :used] = cv2.resize(image, (used, height)).transpose(2, 0, 1) / 127.5 - 1
    return inputs


def detect_plainly(image: Any, run: Callable, settings: dict) -> dict:
    """The boxes of a DB detector."""
    import cv2
    import numpy as np
    import pyclipper

    size = image.shape[1::-1]
    if sum(size) < LEAST_SUM:
        below, beside = (max(0, 32 - side) for side in image.shape[:2])
        image = cv2.copyMakeBorder(image, 0, below, 0, beside, cv2.BORDER_CONSTANT)
    sides = resize_sides(image.shape[1::-1], settings["resize"])
    largest = float(settings["resize"].get("max_side_limit", LARGEST_SIDE))
    sides = [int(side * (largest / max(sides))) for side in sides] if max(sides) > largest else sides
    map_size = tuple(max(32, round(side / 32) * 32) for side in sides)
    pixels = cv2.resize(image, map_size) * settings["scale"]
    pixels = (pixels - np.array(settings["mean"])) / np.array(settings["std"])
    probabilities = run(pixels.transpose(2, 0, 1)[None])[0]
    mask = (probabilities > settings["thresh"]).astype(np.uint8)
    if settings["dilate"]:
        mask = cv2.dilate(mask, np.ones((2, 2), np.uint8))
    boxes = []
    for contour in cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[0][: settings["max_candidates"]]:
        rectangle = cv2.minAreaRect(contour)
        box = cv2.boxPoints(rectangle)
        outline = contour if settings["score_mode"] == "slow" else box
        inside = cv2.fillPoly(np.zeros_like(mask), [outline.astype(np.int32)], 1)
        if min(rectangle[1]) < 3 or cv2.mean(probabilities, inside)[0] < settings["box_thresh"]:
            continue
        offset = pyclipper.PyclipperOffset()
        offset.AddPath(box.tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
        parts = offset.Execute(cv2.contourArea(box) * settings["unclip_ratio"] / cv2.arcLength(box, True))
        grown = cv2.minAreaRect(np.array(parts[0])) if len(parts) == 1 else None
        if grown and min(grown[1]) >= 5:
            box = np.round(cv2.boxPoints(grown) / map_size * size)
            boxes.append(np.clip(box, 0, np.array(size) - 1))
    return {"boxes": drop_narrow(boxes)}


def resize_sides(sides: Any, rule: dict) -> list[int]:
    """(width, height) by limit_side_len and limit_type, whole pixels, however large.

    Raises:
        LimitError: the rule has another option.
    """
    limit, kind = require_limit(rule)
    length = min(sides) if kind == "min" else max(sides)
    ratio = limit / length if (length < limit if kind == "min" else length > limit) else 1
    return [int(side * ratio) for side in sides]


def require_limit(rule: dict) -> tuple[float, str]:
    """(limit_side_len, limit_type) of a rule of DetResizeForTest that has no other option.

    Raises:
        LimitError: it has one.
    """
    kind = rule.get("limit_type", "min")
    if set(rule) - {"limit_side_len", "limit_type", "max_side_limit"} or kind not in ("min", "max"):
        raise LimitError(f"it has no rule of resizing like {rule}")
    return float(rule.get("limit_side_len", SHORT_SIDE)), kind


def refuse_to_enlarge(sides: Any, rule: dict) -> None:
    """For a program without max_side_limit, which would fill the memory with a strip of a few pixels.

    Raises:
        LimitError: it would see more than LARGEST_SIDE x LARGEST_SIDE pixels of a picture that has less.
    """
    width, height = resize_sides(sides, rule)
    if width * height > max(LARGEST_SIDE**2, sides[0] * sides[1]):
        raise LimitError(f"it has no limit of sides, and would enlarge the picture to {width} x {height} pixels")


def drop_narrow(boxes: Any) -> list:
    """Boxes, (4, 2) each, as lists, without those that PaddleOCR's pipelines drop."""
    import numpy as np

    wide = []
    for box in np.asarray(boxes, float).reshape(-1, 4, 2):
        if min(int(np.linalg.norm(box[0] - box[1])), int(np.linalg.norm(box[1] - box[2]))) > LEAST_SIDE:
            wide.append(box.tolist())
    return wide


def start_rapidocr(job: dict, say: Callable[[dict], None]) -> Reader:
    """RapidOCR 3, told the settings of inference.yml, which it does not read."""
    from rapidocr import RapidOCR

    kind, settings = job["kind"], job["settings"]
    stage = {"det": "Det", "rec": "Rec", "cls": "Cls"}[kind]
    parameters: dict[str, Any] = {
        "Global.log_level": "error",
        "Global.use_preprocess_img": False,
        "Global.use_vertical_padding": False,
        f"{stage}.model_path": job["onnx"],
    }
    if kind == "det":
        limit, limit_type = require_limit(settings["resize"])
        parameters.update({"Det.limit_side_len": limit, "Det.limit_type": limit_type})
        parameters["Det.use_dilation"] = settings["dilate"]
        for name in ("mean", "std", "thresh", "box_thresh", "max_candidates", "unclip_ratio", "score_mode"):
            parameters[f"Det.{name}"] = settings[name]
    elif kind == "rec":
        parameters["Rec.rec_img_shape"] = [3, settings["height"], settings["width"]]
        parameters["Rec.rec_keys_path"] = job["dictionary"]
    else:
        parameters["Cls.cls_image_shape"] = [3, settings["height"], settings["width"]]
    reader = RapidOCR(params=parameters)

    def read(image: Any) -> dict:
        if kind == "det":
            refuse_to_enlarge(image.shape[1::-1], settings["resize"])
        result: Any = reader(image, use_det=kind == "det", use_rec=kind == "rec", use_cls=kind == "cls")
        if kind == "det":
            return {"boxes": drop_narrow([] if result.boxes is None else result.boxes)}
        text, score = result.cls_res[0] if kind == "cls" else (result.txts[0], result.scores[0])
        return {"text": text, "score": float(score)}

    return read


def start_paddleocr(job: dict, say: Callable[[dict], None]) -> Reader:
    """PaddleOCR 3, which reads inference.yml, but for the rule of resizing."""
    os.environ.setdefault("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")  # it would look for servers of models
    import numpy as np
    import paddleocr  # type: ignore[import-not-found]

    kind = job["kind"]
    if kind == "cls":
        raise LimitError("it reads classifiers of PaddleClas only, whose inference.yml is another")
    options = {"model_dir": job["folder"], "model_name": job["model_name"], "device": "cpu"}
    if not job["program"]:
        options["engine"] = "onnxruntime"
    rule = job["settings"].get("resize", {})
    if kind == "det" and not {"image_shape", "resize_long"} & set(rule):
        limit = {
            "limit_side_len": int(rule.get("limit_side_len", SHORT_SIDE)),
            "limit_type": rule.get("limit_type", "min"),
        }
        options.update(limit)
        say({"note": f"it takes no limit of sides from inference.yml and was told {limit}"})

    def start(**more: Any) -> Any:
        reader = getattr(paddleocr, {"det": "TextDetection", "rec": "TextRecognition"}[kind])(**options, **more)
        reader.predict(np.zeros((64, 320, 3), np.uint8))
        return reader

    try:
        reader = start()
    except Exception as error:
        if "onednn" not in str(error).lower():
            raise
        reader = start(enable_mkldnn=False)
        say({"note": "its Paddle cannot run the model with oneDNN; give enable_mkldnn=False"})

    def read(image: Any) -> dict:
        result = reader.predict(image)[0]
        if kind == "det":
            return {"boxes": drop_narrow(result["dt_polys"])}
        return {"text": result["rec_text"], "score": float(result["rec_score"])}

    return read


READERS = {"onnxruntime": start_plain, "rapidocr": start_rapidocr, "paddleocr": start_paddleocr}


def explain(error: Exception) -> str:
    """One line: the class and the message of an error; without a message, the line of code that raised it."""
    import traceback

    text = " ".join(str(error).split()) or traceback.extract_tb(error.__traceback__)[-1].line or ""
    return f"{type(error).__name__}: {text[:MOST_SHOWN]}"


def main() -> None:
    """Do what the first argument says."""
    # The modules of this folder, such as `read`, must not stand in the place of a library's.
    here = Path(__file__).resolve().parent
    sys.path[:] = [folder for folder in sys.path if Path(folder or ".").resolve() != here]
    # What libraries print goes to standard error, so that every line of output is JSON.
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(line: dict) -> None:
        output.write(json.dumps(line) + "\n")
        output.flush()

    if sys.argv[1] == "versions":
        say(list_versions())
        return
    job = json.loads(sys.stdin.buffer.read().decode("utf-8"))
    try:
        import cv2

        read = READERS[sys.argv[1]](job, say)
    except LimitError as limit:
        say({"limit": str(limit)})
        return
    except Exception as error:  # whatever it is, the reader cannot be used
        say({"failure": explain(error)})
        return
    for picture in job["pictures"]:
        try:
            say(read(cv2.imread(picture)))
        except LimitError as limit:
            say({"problem": str(limit)})
        except Exception as error:
            say({"problem": explain(error)})


if __name__ == "__main__":
    main()
