"""The rooms of the package: the imports between them, as CONTRIBUTING.md draws them, and their type hints."""

import ast
import re
from pathlib import Path

import pytest
from imports import PACKAGE, list_imports

ROOT = Path(__file__).resolve().parent.parent

PEERS = PACKAGE / "deploy" / "peers.py"  # other interpreters run it, with PaddleOCR 3 or RapidOCR


def room_of(path):
    """The top folder that a file lies in, or the name of a module at the root of the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def read_floors():
    """{room: the number of its floor} from the map in CONTRIBUTING.md, the ground floor 0."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    lines = re.search(r"```text\n(.*?)```", text, re.DOTALL)[1].splitlines()
    return {room: floor for floor, line in enumerate(reversed(lines)) for room in re.findall(r"\w+", line)}


FLOORS = read_floors()
ROOMS = sorted({room_of(path) for path in PACKAGE.rglob("*.py")} - {"__init__", "__main__"})


def test_the_map_shows_every_room():
    assert sorted(FLOORS) == ROOMS


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_the_floors_below(room):
    wrong = []
    for path in (path for path in PACKAGE.rglob("*.py") if room_of(path) == room):
        for name in list_imports(path, for_hints=False):
            package, _, rest = name.partition(".")
            other = rest.partition(".")[0]
            if package == PACKAGE.name and other in FLOORS and other != room and FLOORS[other] >= FLOORS[room]:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert wrong == []


def test_only_host_knows_paddleocr():
    hosts = ("ppocr", "tools", "paddleocr")
    rooms = {
        room_of(path)
        for path in PACKAGE.rglob("*.py")
        if path != PEERS and any(name.partition(".")[0] in hosts for name in list_imports(path))
    }
    assert rooms == {"host"}


def test_what_other_interpreters_run_knows_nothing_of_the_package_and_is_not_imported():
    assert [name for name in list_imports(PEERS) if name.startswith(PACKAGE.name)] == []
    rest = (path for path in PEERS.parent.glob("*.py") if path != PEERS)
    importers = [path.name for path in rest if f"{PACKAGE.name}.deploy.peers" in list_imports(path)]
    assert importers == []


def test_no_plugin_imports_the_seam():
    for path in (PACKAGE / "plugins").rglob("*.py"):
        assert [name for name in list_imports(path) if name.startswith("ppocrv2_ext.host")] == [], path.name


def test_every_room_of_tests_belongs_to_a_room_of_the_package():
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert folders - set(ROOMS) == {"cases", "experiments"}


def public_functions(tree):
    """Yield each public function of a module, and each public or constructing method of its public classes."""
    for owner in [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_")]:
        for node in owner.body:
            if isinstance(node, ast.FunctionDef) and (node.name[0] != "_" or node.name in ("__init__", "__call__")):
                yield node


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_function_has_type_hints(room):
    missing = []
    for path in (path for path in PACKAGE.rglob("*.py") if room_of(path) == room):
        for function in public_functions(ast.parse(path.read_text(encoding="utf-8"))):
            arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            hinted = [argument.annotation for argument in arguments if argument.arg not in ("self", "cls")]
            if None in hinted or (function.returns is None and function.name != "__init__"):
                missing.append(f"{path.relative_to(ROOT)}:{function.lineno} {function.name}")
    assert missing == []
