"""Configs: PaddleOCR's YAML vocabulary, read safely, overridden like PaddleOCR's ``-o``, and resolved to plain data.

The only reader of config files. No inheritance and no code: what is in the file, plus the overrides, is the experiment.
"""

import json
import re
from pathlib import Path

import yaml

from ..errors import UserError, did_you_mean
from ..files import atomic_write

SIMPLE = re.compile(r"[\w./-]+")  # texts that YAML may read without quotes; it takes some of them for numbers
PACKAGE = Path(__file__).resolve().parents[1]
# Installed, configs/ lies inside the package; in a clone it lies beside it.
BUILT_IN = next(
    (folder for folder in (PACKAGE / "configs", PACKAGE.parent / "configs") if folder.is_dir()), PACKAGE / "configs"
)


class _Loader(yaml.SafeLoader):
    """SafeLoader in which a key given twice is an error and ``1e-4`` is a number, as users mean it."""


def _mapping(loader, node):
    seen = {}
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            where = f"{key_node.start_mark.name}:{key_node.start_mark.line + 1}"
            raise UserError(f"{where}: key {key!r} is given twice, first on line {seen[key]}; keep one.")
        seen[key] = key_node.start_mark.line + 1
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def built_in():
    """Names of the built-in configs, such as ``rec/ch_PP-OCRv2_rec``."""
    return sorted(path.relative_to(BUILT_IN).with_suffix("").as_posix() for path in BUILT_IN.glob("*/*.yml"))


def locate(name):
    """Path of a config given as a path or as a built-in name, with or without ``.yml`` and its folder."""
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


def read(path):
    """The config in a YAML file.

    Raises:
        UserError: unreadable, not YAML, a key given twice, or a tag that would run code; with file and line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the config {path}: {error}.") from None
    config = _parse(text, str(path))
    if not isinstance(config, dict):
        raise UserError(f"{path}: a config must be a mapping with sections such as Global and Architecture.")
    return config


def _parse(text, source):
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


def override(config, assignments):
    """A copy of ``config`` with ``KEY=VALUE`` assignments applied, as PaddleOCR's ``-o``.

    Beyond PaddleOCR's, a step of the path may be the name of an entry of a list
    (``Train.dataset.transforms.RecResizeImg.image_shape=[3,32,128]``) or its number, and a value may hold ``=``.

    Raises:
        UserError: not ``KEY=VALUE``, or the path leads nowhere.
    """
    result = _copied(config)
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        if not equals or not path:
            raise UserError(f"-o takes KEY=VALUE, got {assignment!r}.")
        _assign(result, path, _parse(value, f"-o {path}"))
    return result


def assignment(key, value):
    """``KEY=VALUE`` for :func:`override` and ``-o``, quoted where it must be to be read as ``value``.

    Args:
        value: a path, or plain data.
    """
    return f"{key}={_written(value)}"


def _written(value):
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_written, value))}]"
    text = str(value)
    plain = isinstance(value, (str, Path)) and SIMPLE.fullmatch(text) and _parse(text, "") == text
    return text if plain else json.dumps(value, ensure_ascii=False, default=str)


def _copied(value):
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _assign(config, path, value):
    *parents, last = path.split(".")
    node = config
    for depth, step in enumerate(parents):
        node = _entered(node, step, path, ".".join(parents[:depth]))
    if isinstance(node, list):
        index, entry = _entry(node, last, path, ".".join(parents))
        node[index] = {last: value} if isinstance(entry, dict) and last in entry else value
    elif parents or last in node:
        node[last] = value
    else:
        raise UserError(f"-o {path}: the config has no section {last!r}{did_you_mean(last, node)}")


def _entered(node, step, path, above):
    """The mapping or list below ``step``; a component without arguments (``RecAug:``) becomes an empty mapping."""
    if isinstance(node, list):
        index, entry = _entry(node, step, path, above)
        if not (isinstance(entry, dict) and step in entry):
            return entry
        node = node[index]
    if step not in node:
        raise UserError(f"-o {path}: {above or 'the config'} has no {step!r}{did_you_mean(step, node)}")
    if node[step] is None:
        node[step] = {}
    if not isinstance(node[step], (dict, list)):
        raise UserError(f"-o {path}: {'.'.join(filter(None, (above, step)))} is {node[step]!r}, which has no parts.")
    return node[step]


def _entry(entries, step, path, above):
    """(index, entry) of a list for a name such as ``RecAug`` or a number."""
    names = [next(iter(entry), None) if isinstance(entry, dict) else None for entry in entries]
    found = [index for index, name in enumerate(names) if name == step]
    if not found and step.isdigit() and int(step) < len(entries):
        found = [int(step)]
    if not found:
        raise UserError(f"-o {path}: {above} has no entry {step!r}{did_you_mean(step, set(names) - {None})}")
    if len(found) > 1:
        numbers = " or ".join(map(str, found))
        raise UserError(f"-o {path}: {above} has several entries {step!r}; name one by its number, {numbers}.")
    return found[0], entries[found[0]]


def write(config, path, header=""):
    """Write ``config`` as YAML; ``header`` lines become comments. The same file runs as ``-c`` of PaddleOCR."""
    comment = "".join(f"# {line}\n" for line in header.splitlines())
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)
    with atomic_write(path) as part:
        part.write_text(comment + text, encoding="utf-8")
