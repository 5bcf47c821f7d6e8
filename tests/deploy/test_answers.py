"""What another interpreter prints is used as it stands, or refused with what was printed."""

import json

import pytest

from ppocrv2_ext.deploy.answers import read_line, read_versions

BOX = [[0, 0], [9.5, 0], [9.5, 5], [0, 5]]
NO_JSON = ["", "usage: ls", '{"text": "a"', "[" * 100000, "\xff"]


def encode(answer):
    return json.dumps(answer).encode()


@pytest.mark.parametrize("versions", [{}, {"onnxruntime": "1.32.0", "paddlepaddle": "3.4.0.dev1+cu118"}])
def test_versions_are_texts_by_package(versions):
    assert read_versions(encode(versions)) == versions


@pytest.mark.parametrize("answer", [[], 5, None, "3.0", {"onnxruntime": 5}, {"a": ["1.0"]}, {"a": ""}, {"a": "[red]"}])
def test_versions_of_another_shape_are_refused(answer):
    with pytest.raises(ValueError, match="it printed"):
        read_versions(encode(answer))


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("rec", {"text": "a", "score": 0.5}),
        ("cls", {"text": "180", "score": float("nan")}),
        ("det", {"boxes": []}),
        ("det", {"boxes": [BOX, BOX]}),
        ("det", {"problem": "too large"}),
        ("rec", {"note": "told"}),
        ("rec", {"limit": "none"}),
        ("rec", {"failure": "broken"}),
    ],
)
def test_a_line_has_the_fields_of_its_kind(kind, answer):
    assert read_line(encode(answer), kind).keys() == answer.keys()


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        *(("rec", answer) for answer in ([], 5, None, {}, {"rapidocr": "3.0"}, {"text": "a"}, {"boxes": [BOX]})),
        ("rec", {"text": 5, "score": 0.5}),
        ("rec", {"text": "a", "score": "high"}),
        ("rec", {"text": "a", "score": 10**400}),
        ("rec", {"text": "a", "score": 0.5, "problem": "x"}),
        ("rec", {"problem": None}),
        ("det", {"text": "a", "score": 0.5}),
        *(("det", {"boxes": boxes}) for boxes in ({}, [BOX[:3]], [[BOX]], [[[0, 0, 0]] * 4], [[["0", 0]] * 4])),
        *(("det", {"boxes": [[[x, 0]] * 4]}) for x in (float("nan"), float("inf"), 10**400, True, None)),
    ],
)
def test_a_line_of_another_shape_is_refused(kind, answer):
    with pytest.raises(ValueError, match="it printed"):
        read_line(encode(answer), kind)


@pytest.mark.parametrize("output", NO_JSON)
def test_what_is_no_json_is_refused(output):
    with pytest.raises(ValueError, match="it printed"):
        read_versions(output.encode("latin-1"))
    with pytest.raises(ValueError, match="it printed"):
        read_line(output.encode("latin-1"), "rec")
