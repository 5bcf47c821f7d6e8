"""The package as users get it: built, installed and run from another folder."""

import configparser
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import ppocrv2_ext

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = configparser.ConfigParser()
SETTINGS.read(ROOT / "setup.cfg", encoding="utf-8")


def test_every_folder_of_modules_is_a_package_that_setup_installs():
    stand_ins = ROOT / "ppocrv2_ext" / "host" / "stand_ins"  # they are shipped as data of `host`
    folders = {path.parent for path in (ROOT / "ppocrv2_ext").rglob("*.py") if stand_ins not in path.parents}
    packages = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    assert packages | {"ppocrv2_ext.configs"} == set(SETTINGS["options"]["packages"].split())


def test_a_commit_is_linted_by_the_ruff_that_the_tests_use():
    installed = re.search(r"ruff ==(\S+)", SETTINGS["options.extras_require"]["test"])[1]
    hook = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.search(r"ruff-pre-commit\s+rev: v(\S+)", hook)[1] == installed


def test_the_changelog_describes_the_version_of_the_package():
    headings = re.findall(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[:2] == ["Unreleased", ppocrv2_ext.__version__]


def test_the_classifiers_name_the_versions_of_python_that_the_readme_promises():
    first, last = re.search(r"Python 3\.(\d+) to 3\.(\d+)", (ROOT / "README.md").read_text(encoding="utf-8")).groups()
    named = re.findall(r"Python :: 3\.(\d+)", SETTINGS["metadata"]["classifiers"])
    assert named == [str(minor) for minor in range(int(first), int(last) + 1)]
    assert SETTINGS["options"]["python_requires"] == f">=3.{first}"


def test_the_source_distribution_holds_what_the_documents_send_readers_to(tmp_path):
    pytest.importorskip("setuptools")
    source = tmp_path / "source"  # a build leaves files where it is made
    left_out = shutil.ignore_patterns(
        ".git", ".venv*", "__pycache__", "*.egg-info", ".*_cache", "output", "build", "dist"
    )
    shutil.copytree(ROOT, source, ignore=left_out)
    build = [sys.executable, "setup.py", "-q", "sdist", "--dist-dir", str(tmp_path)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        held = {name.partition("/")[2] for name in opened.getnames()}
    documents = (
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        *(f"configs/{path.name}" for path in ROOT.glob("configs/*.md")),
    )
    assert set(documents) <= held
    for document in documents:
        folder = (source / document).parent
        links = re.findall(r"\]\((?!http)([^)#]+)", (source / document).read_text(encoding="utf-8"))
        targets = [(folder / link).resolve().relative_to(source.resolve()).as_posix() for link in links]
        assert {target.rstrip("/") for target in targets} - held == set(), document
    scripts = {path.relative_to(source).as_posix() for path in (source / "scripts").rglob("*") if path.is_file()}
    assert scripts <= held


@pytest.mark.slow
def test_the_built_wheel_works_from_another_folder(tmp_path):
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    source = tmp_path / "source"  # a build leaves files where it is made
    for folder in ("ppocrv2_ext", "configs"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("setup.py", "setup.cfg", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(source)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(tmp_path / "site"), str(wheel)], check=True)
    names = zipfile.ZipFile(wheel).namelist()
    shipped = {Path(name).relative_to("ppocrv2_ext").as_posix() for name in names if name.startswith("ppocrv2_ext/")}
    ours = {
        *(path.relative_to(ROOT / "ppocrv2_ext").as_posix() for path in (ROOT / "ppocrv2_ext").rglob("*.py")),
        *(path.relative_to(ROOT).as_posix() for path in (ROOT / "configs").rglob("*.yml")),
        "py.typed",
    }
    assert ours <= shipped
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    (tmp_path / "labels.txt").write_text("a.png\ta\nb.png\tb\n", encoding="utf-8")
    for arguments, expected in (
        (["configs"], "rec/ch_PP-OCRv2_rec_finetune"),
        (["info"], "BothWaysLCNet, LCNet"),
        (["split", "labels.txt", "--output", "parts"], "parts/val.txt: 1 line"),
    ):
        command = [sys.executable, "-m", "ppocrv2_ext", *arguments]
        said = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert expected in said.stdout, said.stderr
        # The virtual environment, whose packages are named, may lie in the clone.
        assert str(ROOT) not in said.stdout.replace(sys.prefix, "")
