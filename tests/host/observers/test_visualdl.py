"""`Global.use_visualdl` writes the curves for VisualDL, or says which package is missing."""

import logging
import shlex
import sys

import pytest
from toy_training import run, toy


@pytest.fixture
def visualdl(wheel, tmp_path, monkeypatch):
    from ppocrv2_ext.host.observers import visualdl

    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "visualdl", raising=False)
    return visualdl


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that stands in for VisualDL. Returns what its writer is given."""
    (tmp_path / "site" / "visualdl").mkdir(parents=True)
    (tmp_path / "site" / "visualdl" / "__init__.py").write_text(
        "given = []\n"
        "class LogWriter:\n"
        "    def __init__(self, logdir): given.append(logdir)\n"
        "    def add_scalar(self, tag, value, step): given.append((tag, value, step))\n"
        "    def close(self): given.append('closed')\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return lambda: sys.modules["visualdl"].given


def test_every_value_is_written_under_the_name_that_paddleocr_gave_it(visualdl, package, monkeypatch):
    run(toy([0.25, 0.5]), [visualdl.VisualDL("out")], monkeypatch)
    given = package()
    assert given[0].endswith("vdl")
    assert given[-1] == "closed"
    tags = {tag for tag, _, _ in given[1:-1]}
    assert tags == {"TRAIN/loss", "TRAIN/term", "TRAIN/lr", "EVAL/acc", "EVAL/best_acc", "EVAL/fps"}
    assert [(value, step) for tag, value, step in given[1:-1] if tag == "EVAL/best_acc"][:2] == [(0.25, 2), (0.5, 4)]
    assert [step for tag, _, step in given[1:-1] if tag == "TRAIN/loss"] == list(range(1, 21))


def test_the_folder_of_the_curves_is_said(visualdl, package, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    run(toy(), [visualdl.VisualDL("my out")], monkeypatch)
    assert f"VisualDL: curves in my out/vdl; `visualdl --logdir {shlex.quote('my out/vdl')}` shows them" in caplog.text


@pytest.mark.parametrize("root", ["wheel", pytest.param("checkout", marks=pytest.mark.checkout)])
def test_paddleocrs_warning_that_nothing_is_written_is_not_logged(visualdl, root, request, caplog):
    host = request.getfixturevalue(root)
    folder = host if root == "checkout" else host.root
    source = (folder / "tools" / "program.py").read_text(encoding="utf-8")
    assert visualdl.NOT_TRUE_HERE in source.replace('"\n            "', "")
    with visualdl.drop_warning():
        logging.getLogger("ppocr").warning(f"{visualdl.NOT_TRUE_HERE} in ppocr!")
        logging.getLogger("ppocr").warning("another one")
    assert [record.getMessage() for record in caplog.records] == ["another one"]
    assert not logging.getLogger("ppocr").filters


def test_without_the_package_training_goes_on_and_says_how_to_get_it(visualdl, monkeypatch, caplog):
    monkeypatch.setattr(visualdl.importlib.util, "find_spec", lambda name: None)
    arguments = toy()
    run(arguments, [visualdl.VisualDL("out")], monkeypatch)
    assert "pip install visualdl==" in caplog.text
    assert arguments["eval_class"].evaluations == 10


@pytest.mark.parametrize(
    ("settings", "wanted"), [({}, False), ({"use_visualdl": False}, False), ({"use_visualdl": True}, True)]
)
def test_it_is_wanted_only_if_the_config_says_so(visualdl, settings, wanted):
    assert visualdl.is_wanted(settings) is wanted
