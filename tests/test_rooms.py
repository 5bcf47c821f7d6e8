"""The rooms of the package and of ``host/``: the imports between them, as pictures draw them, and their type hints."""

import ast
import graphlib
import re
from pathlib import Path

import pytest
from imports import PACKAGE, list_imports

ROOT = Path(__file__).resolve().parent.parent

PEERS = PACKAGE / "deploy" / "peers.py"  # other interpreters run it, with PaddleOCR 3 or RapidOCR


def room_of(path, building=PACKAGE):
    """The top folder that a file of a building lies in, or the name of a module at its root."""
    return path.relative_to(building).parts[0].removesuffix(".py")


def list_rooms(building):
    return sorted({room_of(path, building) for path in building.rglob("*.py")} - {"__init__", "__main__"})


def read_floors(path, picture):
    """{room: the number of its floor} from a picture in a file, the ground floor 0."""
    lines = re.search(picture, path.read_text(encoding="utf-8"), re.DOTALL)[1].strip().splitlines()
    return {room: floor for floor, line in enumerate(reversed(lines)) for room in re.findall(r"\w+", line)}


def list_wrong_imports(building, room, floors):
    """The imports of a room from another room of the building that is no lower."""
    prefix = ".".join([*building.relative_to(ROOT).parts, ""])
    for path in (path for path in building.rglob("*.py") if room_of(path, building) == room):
        for name in list_imports(path, for_hints=False):
            other = name.removeprefix(prefix).partition(".")[0] if name.startswith(prefix) else room
            if other in floors and other != room and floors[other] >= floors[room]:
                yield f"{path.relative_to(ROOT)} imports {name}"


HOST = PACKAGE / "host"
FLOORS = read_floors(ROOT / "CONTRIBUTING.md", r"```text\n(.*?)```")
FLOORS_OF_HOST = read_floors(HOST / "__init__.py", r"picture::\n\n(.*?)\"{3}")
ROOMS = list_rooms(PACKAGE)


def test_the_maps_show_every_room():
    assert sorted(FLOORS) == ROOMS
    assert sorted(FLOORS_OF_HOST) == list_rooms(HOST)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_the_floors_below(room):
    assert list(list_wrong_imports(PACKAGE, room, FLOORS)) == []


@pytest.mark.parametrize("room", list_rooms(HOST))
def test_a_room_of_the_seam_imports_only_from_the_floors_below(room):
    assert list(list_wrong_imports(HOST, room, FLOORS_OF_HOST)) == []


def test_modules_do_not_import_each_other_in_a_circle():
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}
    graph = {}
    for module, path in modules.items():
        names = set(list_imports(path, for_hints=False))
        graph[module] = (names | {name.rpartition(".")[0] for name in names}) & modules.keys()
    graphlib.TopologicalSorter(graph).prepare()  # raises a CycleError that names the circle


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


@pytest.mark.parametrize("room", ["host", "config"])
def test_no_plugin_imports_the_seam_or_what_reads_configs(room):
    for path in (PACKAGE / "plugins").rglob("*.py"):
        assert [name for name in list_imports(path) if name.startswith(f"ppocrv2_ext.{room}")] == [], path.name


def test_every_room_of_tests_belongs_to_a_room_of_the_package():
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert folders - set(ROOMS) == {"cases", "experiments"}
    assert {path.parent.name for path in (ROOT / "tests" / "host").glob("*/test_*.py")} <= set(list_rooms(HOST))


@pytest.mark.parametrize("room", [room for room in ROOMS if (PACKAGE / room).is_dir()])
def test_the_map_of_a_room_names_all_its_modules_and_folders(room):
    folder = PACKAGE / room
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    folders = {path.parent.name for path in folder.glob("*/__init__.py")}
    map_of_room = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
    assert (modules | folders) - set(re.findall(r"``(\w+)/?``", map_of_room)) == set()


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
