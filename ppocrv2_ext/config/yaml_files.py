"""Config files: found, read, overridden as PaddleOCR's ``-o`` does it, and written.

They have no inheritance and no code: an experiment is what its file says, plus the overrides.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from ..data.transforms import SUBSTITUTES
from ..errors import UserError, did_you_mean, reason_of
from ..files import atomic_write
from .shell_values import read_value
from .yaml_loader import parse

MOST_BYTES = 256_000  # of a file; the largest config of PaddleOCR has 10 kB
UNQUOTED_TEXT = re.compile(r"[\w./-]+")  # YAML needs no quotes around it, unless it looks like a number
# What YAML has no place for, and what ends its lines beside \n. The name of a file may hold any of it.
NOT_IN_COMMENTS = re.compile(r"[^\t\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
PACKAGE = Path(__file__).resolve().parents[1]
# Installed, configs/ lies inside the package; in a clone it lies beside it.
BUILT_IN = next(
    (folder for folder in (PACKAGE / "configs", PACKAGE.parent / "configs") if folder.is_dir()), PACKAGE / "configs"
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
    if not name:
        raise UserError("the name of the config is empty; name a config file, or one that `ppocrv2 configs` lists.")
    path = Path(name)
    if os.path.isfile(path):  # False, where Path.is_file raises, for a name that no file can have
        return path
    if os.path.isdir(path):
        raise UserError(f"{name} is a folder; name a config file in it.")
    if os.path.exists(path):
        raise UserError(f"{name} is not a regular file; name a config file.")
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
        UserError: as :func:`read_with_warnings`.
    """
    return read_with_warnings(path)[0]


def read_with_warnings(path: str | Path) -> tuple[dict, list[str]]:
    """The config in a YAML file, and a sentence for each key that it gives twice with different values.

    The last value counts, as for PaddleOCR, some of whose own files give a key twice.

    Raises:
        UserError: the file cannot be read, is no YAML, holds a tag that would run code, or anything that
            :func:`~.yaml_loader.parse` refuses. The message names the line.
    """
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise UserError(f"{path} has more than {MOST_BYTES // 1000} kB, which no config has; name a config file.")
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(f"cannot read the config {path}: line {line} is not UTF-8; save it as UTF-8.") from None
    except OSError as error:
        raise UserError(f"cannot read the config {path}: {reason_of(error)}.") from None
    config, warnings = parse(text, str(path))
    if not isinstance(config, dict):
        raise UserError(f"{path}: a config must be a mapping with sections such as Global and Architecture.")
    return config, warnings


def override(config: dict, assignments: Iterable[str]) -> dict:
    """A copy of ``config`` with ``KEY=VALUE`` assignments applied, as PaddleOCR's ``-o`` does it.

    It does two things more. A key may lead into a list, by the name of an entry
    (``Train.dataset.transforms.RecResizeImg.image_shape=[3,32,128]``) or by its number. The name of a transform of
    PaddleOCR also finds ours in its place. A value may hold ``=``.

    Raises:
        UserError: an assignment is not ``KEY=VALUE``, its key leads nowhere, or its value is none
            (:func:`~.shell_values.read_value`).
    """
    result = _deep_copy(config)
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        if not equals or not path:
            raise UserError(f"-o takes KEY=VALUE, got {assignment!r}.")
        content = read_value(value, path)
        try:
            _assign(result, path.split("."), content)
        except LookupError as error:
            raise UserError(f"-o {path}: {error.args[0]}") from None
    return result


def assignment(key: str, value: Any) -> str:
    """``KEY=VALUE`` for :func:`override` and ``-o``, with quotes where YAML needs them to read ``value`` back.

    Args:
        value: a path, or plain data.
    """
    return f"{key}={_as_yaml(value)}"


def shell_option(key: str, value: Any) -> str:
    """:func:`assignment` as one word of a shell, for a command that is printed."""
    return shlex.quote(assignment(key, value))


def _as_yaml(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_as_yaml, value))}]"
    text = str(value)
    plain = isinstance(value, (str, Path)) and UNQUOTED_TEXT.fullmatch(text) and parse(text, "")[0] == text
    return text if plain else json.dumps(value, ensure_ascii=False, default=str)


def _deep_copy(value: Any) -> Any:
    """Not ``copy.deepcopy``: an anchor of YAML makes two sections one object, and an override is to change one."""
    if isinstance(value, dict):
        return {key: _deep_copy(item) for key, item in value.items()}
    return [_deep_copy(item) for item in value] if isinstance(value, list) else value


def _assign(config: dict, steps: Sequence[str], value: Any) -> None:
    """Set the value that the ``steps`` of a key lead to.

    Raises:
        LookupError: they lead nowhere. The message is the end of a sentence.
    """
    *parents, last = steps
    node: dict | list = config
    for depth, step in enumerate(parents):
        node = _descend(node, step, ".".join(parents[:depth]))
    if isinstance(node, list):
        last = _name_in(node, last)
        index, entry = _find_entry(node, last, ".".join(parents))
        node[index] = {last: value} if isinstance(entry, dict) and last in entry else value
    elif parents or last in node:
        node[last] = value
    else:
        raise LookupError(f"the config has no section {last!r}{did_you_mean(last, node)}")


def _descend(node: dict | list, step: str, where: str) -> dict | list:
    """The mapping or list below ``step``. A component without arguments (``RecAug:``) gets an empty mapping.

    Args:
        where: the key of ``node``, for messages.
    """
    if isinstance(node, list):
        step = _name_in(node, step)
        _, entry = _find_entry(node, step, where)
        if not (isinstance(entry, dict) and step in entry):
            return entry
        node = entry
    if step not in node:
        raise LookupError(f"{where or 'the config'} has no {step!r}{did_you_mean(step, node)}")
    if node[step] is None:
        node[step] = {}
    if not isinstance(node[step], (dict, list)):
        raise LookupError(f"{'.'.join(filter(None, (where, step)))} is {node[step]!r}, which has no parts.")
    return node[step]


def _list_names(entries: list) -> list:
    """The name of each entry of a list of components; None for anything else."""
    return [next(iter(entry), None) if isinstance(entry, dict) else None for entry in entries]


def _name_in(entries: list, step: str) -> str:
    """``step``, or if no entry has this name, that of the entry that stands in for it (``SUBSTITUTES``)."""
    names = _list_names(entries)
    return next((name for name in (step, *SUBSTITUTES.get(step, ())) if name in names), step)


def _find_entry(entries: list, step: str, where: str) -> tuple[int, Any]:
    """(index, entry) of a list for a name such as ``RecAug`` or a number."""
    names = _list_names(entries)
    indexes = [index for index, name in enumerate(names) if name == step]
    if not indexes and step.isdigit() and int(step) < len(entries):
        indexes = [int(step)]
    if not indexes:
        documented = {original for original, ours in SUBSTITUTES.items() if not set(ours).isdisjoint(names)}
        raise LookupError(f"{where} has no entry {step!r}{did_you_mean(step, documented.union(names) - {None})}")
    if len(indexes) > 1:
        numbers = " or ".join(map(str, indexes))
        raise LookupError(f"{where} has several entries {step!r}; name one by its number, {numbers}.")
    return indexes[0], entries[indexes[0]]


def write(config: dict, path: str | Path, header: str = "") -> None:
    """Write ``config`` as YAML, which PaddleOCR's scripts take as ``-c``. Lines of ``header`` become comments.

    Characters of the header that a comment cannot hold are escaped.

    Raises:
        UserError: the file cannot be written.
    """
    header = NOT_IN_COMMENTS.sub(lambda found: repr(found[0])[1:-1], header)
    comment = "".join(f"# {line}\n" for line in header.splitlines())
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)
    with atomic_write(path) as part:
        part.write_text(comment + text, encoding="utf-8")
