"""The experiments lie in a clone of the repository. The installed package neither holds nor needs them."""

import configparser
import re

import pytest
from imports import PACKAGE, list_imports

ROOT = PACKAGE.parent
SCRIPTS = ROOT / "scripts"
EXPERIMENTS = {SCRIPTS.name, *(path.stem for path in SCRIPTS.iterdir() if path.is_dir() or path.suffix == ".py")}


@pytest.fixture(scope="module")
def setup():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def test_the_names_of_the_scripts_and_experiments_are_found():
    assert {"scripts", "experiments", "ablate", "quickstart"} <= EXPERIMENTS


def test_nothing_in_the_package_imports_an_experiment_or_a_script():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for name in list_imports(path)
        if name.partition(".")[0] in EXPERIMENTS
    ]
    assert wrong == []


def test_nothing_in_the_package_names_the_folder_of_the_experiments():
    # An import by name, or a path: both would fail where only the package is installed.
    texts = {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    assert [path.name for path, text in texts.items() if "scripts/experiments" in text or '"experiments' in text] == []


def test_nothing_in_the_package_sends_its_user_to_a_script():
    script = re.compile(rf"\bscripts/\w|\b({'|'.join(sorted(EXPERIMENTS))})\.(py|sh)\b")
    found = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if (found := script.search(path.read_text(encoding="utf-8")))
    ]
    assert found == []


def test_setup_installs_no_package_of_experiments(setup):
    packages = setup["options"]["packages"].split()
    assert packages
    assert {name.partition(".")[0] for name in packages} == {PACKAGE.name}


def test_setup_takes_no_package_from_the_folder_of_the_scripts(setup):
    folders = [line.partition("=")[2].strip() for line in setup["options"]["package_dir"].split("\n") if line.strip()]
    assert [folder for folder in folders if folder.split("/")[0] == SCRIPTS.name] == []
