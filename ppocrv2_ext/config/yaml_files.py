"""Config files: PaddleOCR's YAML, read safely, overridden as PaddleOCR's ``-o`` does it, and written.

Nothing else reads config files. They have no inheritance and no code: an experiment is what its file says, plus the
overrides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from ..errors import UserError, did_you_mean
from ..files import atomic_write

UNQUOTED_TEXT = re.compile(r"[\w./-]+")  # YAML needs no quotes around it, unless it looks like a number
PACKAGE = Path(__file__).resolve().parents[1]
# Installed, configs/ lies inside the package; in a clone it lies beside it.
BUILT_IN = next(
    (folder for folder in (PACKAGE / "configs", PACKAGE.parent / "configs") if folder.is_dir()), PACKAGE / "configs"
)


class _Loader(yaml.SafeLoader):
    """SafeLoader in which a key given twice is an error and ``1e-4`` is a number, as users mean it."""


def _construct_mapping(loader: _Loader, node: yaml.MappingNode) -> dict:
    seen = {}
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            where = f"{key_node.start_mark.name}:{key_node.start_mark.line + 1}"
            raise UserError(f"{where}: key {key!r} is given twice, first on line {seen[key]}; keep one.")
        seen[key] = key_node.start_mark.line + 1
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def built_in() -> list[str]:
    """Names of the built-in configs, such as ``rec/ch_PP-OCRv2_rec``."""
    return sorted(path.relative_to(BUILT_IN).with_suffix("").as_posix() for path in BUILT_IN.glob("*/*.yml"))


def locate(name: str) -> Path:
    """The path of a config.

    Args:
        name: a path, or the name of a built-in config with or without ``.yml`` and its folder.
    Raises:
        UserError: there is no such file and no such built-in config.
    """
    path = Path(name)
    if path.is_file():
        return path
    stem = re.sub(r"\.ya?ml$", "", path.as_posix())
    stem = re.sub(r"^(\./)?configs/", "", stem)
    matches = [known for known in built_in() if stem in (known, known.split("/")[1])]
    if len(matches) == 1:
        return BUILT_IN / f"{matches[0]}.yml"
    raise UserError(
        f"there is no config file {name} and no built-in config of that name{did_you_mean(stem, built_in())}"
    )


def read(path: str | Path) -> dict:
    """The config in a YAML file.

    Raises:
        UserError: the file cannot be read, is no YAML, gives a key twice, or holds a tag that would run code. The
            message names the line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the config {path}: {error}.") from None
    config = _parse(text, str(path))
    if not isinstance(config, dict):
        raise UserError(f"{path}: a config must be a mapping with sections such as Global and Architecture.")
    return config


def _parse(text: str, source: str) -> Any:
    stream = _Loader(text)
    stream.name = source
    try:
        return stream.get_single_data()
    except yaml.constructor.ConstructorError as error:
        line = error.problem_mark.line + 1
        raise UserError(f"{source}:{line}: {error.problem}; a config is data and may not run code.") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{source}:{line}: this is not YAML: {error.problem}.") from None
    finally:
        stream.dispose()


def override(config: dict, assignments: Iterable[str]) -> dict:
    """A copy of ``config`` with ``KEY=VALUE`` assignments applied, as PaddleOCR's ``-o`` does it.

    It does two things more. A key may lead into a list, by the name of an entry
    (``Train.dataset.transforms.RecResizeImg.image_shape=[3,32,128]``) or by its number. A value may hold ``=``.

    Raises:
        UserError: an assignment is not ``KEY=VALUE``, or its key leads nowhere.
    """
    result = _deep_copy(config)
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        if not equals or not path:
            raise UserError(f"-o takes KEY=VALUE, got {assignment!r}.")
        _assign(result, path, _parse(value, f"-o {path}"))
    return result


def assignment(key: str, value: Any) -> str:
    """``KEY=VALUE`` for :func:`override` and ``-o``, with quotes where YAML needs them to read ``value`` back.

    Args:
        value: a path, or plain data.
    """
    return f"{key}={_as_yaml(value)}"


def _as_yaml(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_as_yaml, value))}]"
    text = str(value)
    plain = isinstance(value, (str, Path)) and UNQUOTED_TEXT.fullmatch(text) and _parse(text, "") == text
    return text if plain else json.dumps(value, ensure_ascii=False, default=str)


def _deep_copy(value: Any) -> Any:
    """Not ``copy.deepcopy``: an anchor of YAML makes two sections one object, and an override is to change one."""
    if isinstance(value, dict):
        return {key: _deep_copy(item) for key, item in value.items()}
    return [_deep_copy(item) for item in value] if isinstance(value, list) else value


def _assign(config: dict, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    node: dict | list = config
    for depth, step in enumerate(parents):
        node = _descend(node, step, path, ".".join(parents[:depth]))
    if isinstance(node, list):
        index, entry = _find_entry(node, last, path, ".".join(parents))
        node[index] = {last: value} if isinstance(entry, dict) and last in entry else value
    elif parents or last in node:
        node[last] = value
    else:
        raise UserError(f"-o {path}: the config has no section {last!r}{did_you_mean(last, node)}")


def _descend(node: dict | list, step: str, path: str, above: str) -> dict | list:
    """The mapping or list below ``step``. A component without arguments (``RecAug:``) gets an empty mapping.

    Args:
        path, above: the whole key, and its part before ``step``; for messages.
    """
    if isinstance(node, list):
        _, entry = _find_entry(node, step, path, above)
        if not (isinstance(entry, dict) and step in entry):
            return entry
        node = entry
    if step not in node:
        raise UserError(f"-o {path}: {above or 'the config'} has no {step!r}{did_you_mean(step, node)}")
    if node[step] is None:
        node[step] = {}
    if not isinstance(node[step], (dict, list)):
        raise UserError(f"-o {path}: {'.'.join(filter(None, (above, step)))} is {node[step]!r}, which has no parts.")
    return node[step]


def _find_entry(entries: list, step: str, path: str, above: str) -> tuple[int, Any]:
    """(index, entry) of a list for a name such as ``RecAug`` or a number."""
    names = [next(iter(entry), None) if isinstance(entry, dict) else None for entry in entries]
    indexes = [index for index, name in enumerate(names) if name == step]
    if not indexes and step.isdigit() and int(step) < len(entries):
        indexes = [int(step)]
    if not indexes:
        raise UserError(f"-o {path}: {above} has no entry {step!r}{did_you_mean(step, set(names) - {None})}")
    if len(indexes) > 1:
        numbers = " or ".join(map(str, indexes))
        raise UserError(f"-o {path}: {above} has several entries {step!r}; name one by its number, {numbers}.")
    return indexes[0], entries[indexes[0]]


def write(config: dict, path: str | Path, header: str = "") -> None:
    """Write ``config`` as YAML, which PaddleOCR's scripts take as ``-c``. Lines of ``header`` become comments.

    Raises:
        UserError: the file cannot be written.
    """
    comment = "".join(f"# {line}\n" for line in header.splitlines())
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)
    with atomic_write(path) as part:
        part.write_text(comment + text, encoding="utf-8")
