"""What another interpreter prints is used as it stands, or refused with what was printed."""

import json

import numpy as np
import pytest

from ppocrv2_ext.deploy.peer_processes import REMARKS, parse_answer, parse_versions
from ppocrv2_ext.deploy.verification import PictureReading

CORNERS = [[0.0, 0.0], [100.0, 0.0], [100.0, 20.0], [0.0, 20.0]]


def test_versions_are_texts_by_package():
    versions = {"onnxruntime": "1.32.0", "paddlepaddle": "3.4.0.dev1+cu118"}
    assert parse_versions(json.dumps(versions).encode()) == versions


@pytest.mark.parametrize("answer", [[], 5, None, "3.0", {"onnxruntime": 5}, {"a": ["1.0"]}])
def test_versions_of_another_shape_are_refused(answer):
    with pytest.raises(ValueError, match="it printed"):
        parse_versions(json.dumps(answer).encode())


@pytest.mark.parametrize(
    ("kind", "answer", "meaning"),
    [
        ("rec", {"text": "a", "score": 0.5}, PictureReading("a", 0.5)),
        ("cls", {"text": "180", "score": 1}, PictureReading("180", 1.0)),
        ("det", {"problem": "too large"}, PictureReading(problem="too large")),
        *(("rec", {name: "told"}, {name: "told"}) for name in REMARKS),
    ],
)
def test_a_line_is_what_was_found_or_a_remark(kind, answer, meaning):
    assert parse_answer(json.dumps(answer).encode(), kind) == meaning


@pytest.mark.parametrize("count", [0, 2])
def test_a_line_of_a_detector_is_its_boxes(count):
    found = parse_answer(json.dumps({"boxes": [CORNERS] * count}).encode(), "det")
    assert np.array(found.boxes).tolist() == [CORNERS] * count


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        *(("rec", answer) for answer in ([], 5, None, {}, {"rapidocr": "3.0"}, {"text": "a"}, {"boxes": []})),
        *(("rec", {"text": "a", "score": score}) for score in ("high", 10**400, None)),
        ("det", {"text": "a", "score": 0.5}),
        *(("det", {"boxes": boxes}) for boxes in ({}, [CORNERS[:3]], [CORNERS[:3]] * 4, [[[0, 0, 0]] * 4])),
        *(("det", {"boxes": [[[x, 0]] * 4]}) for x in (float("nan"), float("inf"), 10**400, None)),
    ],
)
def test_a_line_of_another_shape_is_refused(kind, answer):
    with pytest.raises(ValueError, match="it printed"):
        parse_answer(json.dumps(answer).encode(), kind)


@pytest.mark.parametrize("output", [b"", b"usage: ls", b'{"text": "a"', b"[" * 100000, b"\xff"])
def test_what_is_no_json_is_refused(output):
    with pytest.raises(ValueError, match="it printed"):
        parse_versions(output)
    with pytest.raises(ValueError, match="it printed"):
        parse_answer(output, "rec")
