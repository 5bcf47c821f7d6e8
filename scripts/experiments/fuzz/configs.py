"""Broken and hostile configs: mutations of the built-in ones, and of PaddleOCR's where there is a clone.

A case is a config in which one to three things are wrong. It is prepared as every command does it, in this process.
Some are also given to the command, in a process of their own. Code in a config would leave a file behind.
"""

from __future__ import annotations

import contextlib
import copy
import io
import random
import re
import subprocess
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from ppocrv2_ext import config
from ppocrv2_ext.errors import UserError

from . import ROOT, Outcome, TimeoutReached, judge_command, run_command, time_limit

COUNT = 600
LIMIT, COMMAND_LIMIT = 20.0, 240.0  # seconds
SAMPLES = ROOT / "tests" / "samples"
DATA = {"det": "icdar2015_scenes", "rec": "icdar2015_words", "cls": "icdar2015_words"}

Place = tuple  # the keys and indexes that lead to a value


def run(count: int, seed: int, folder: Path, clone: str | None = None, commands: int = 0) -> Iterator[Outcome]:
    """Make ``count`` configs from ``seed`` and prepare each; give ``commands`` of them to the command too."""
    from ppocrv2_ext.host import connect

    connect(clone)  # the first import of Paddle takes seconds, which are no case's
    bases = _read_bases(clone)
    canary = folder / "code-ran"
    files = []
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        base_name, base = rng.choice(bases)
        kind = list(MUTATIONS)[number % len(MUTATIONS)]
        text = MUTATIONS[kind](copy.deepcopy(base), rng, canary)
        file = folder / f"{number:04}.yml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        outcome = _prepare(kind, file, f"{base_name}, case {number} of seed {seed}", clone, canary)
        files.append((kind, file, outcome))
        yield outcome
    for verdict in ("works", "refuses"):  # half of the commands each: a config that is taken must be fit to train
        own = [case for case in files if case[2].verdict == verdict and case[0] != "nothing"]
        for kind, file, outcome in random.Random(seed).sample(own, min((commands + 1) // 2, len(own))):
            yield _run_command(kind, file, outcome, clone, canary)


def _read_bases(clone: str | None) -> list[tuple[str, dict]]:
    """(name, config) of the configs to break. The built-in ones read a small set of real pictures."""
    names = [name for name in config.built_in() if name.split("/")[0] in DATA and (clone or not _needs_clone(name))]
    bases = [(name, _on_samples(config.read(config.locate(name)), name.split("/")[0])) for name in names]
    if clone:
        for file in sorted((Path(clone) / "configs").glob("**/*.yml")):
            bases.append((file.relative_to(clone).as_posix(), config.read(file)))
    return bases


def _needs_clone(name: str) -> bool:
    """Whether a built-in config is of a model later than PP-OCRv2, which the wheel refuses."""
    return re.search(r"v[3-9]", name) is not None


def _on_samples(recipe: dict, kind: str) -> dict:
    """A built-in config that trains for one epoch, from nothing, on the pictures of the tests."""
    data = SAMPLES / DATA[kind]
    recipe["Global"].update(use_gpu=False, epoch_num=1, pretrained_model=None, save_model_dir="output")
    for network in recipe["Architecture"].get("Models", {}).values():
        network.pop("pretrained", None)
    for mode, name in (("Train", "train.txt"), ("Eval", "test.txt")):
        recipe[mode]["dataset"].update(data_dir=str(data), label_file_list=[str(data / name)])
        recipe[mode]["loader"]["num_workers"] = 0
    recipe["Train"]["loader"]["batch_size_per_card"] = 2
    return recipe


def _prepare(kind: str, file: Path, case: str, clone: str | None, canary: Path) -> Outcome:
    from ppocrv2_ext.commands import prepare, requirements

    start, verdict, said = time.monotonic(), "works", ""
    try:
        with time_limit(LIMIT), contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            _, prepared = prepare.prepare_config(str(file), [], clone)
            requirements.require_data(prepared, ("Train", "Eval"))
            requirements.require_centers(prepared)
            requirements.require_weights(prepared, training=True)
    except UserError as error:
        verdict, said = "refuses", str(error)
    except TimeoutReached:
        verdict = "no end"
    except (Exception, SystemExit) as error:
        verdict, said = "traceback", "".join(traceback.format_exception(type(error), error, error.__traceback__)[-3:])
    if verdict == "refuses" and not said.strip():
        verdict = "traceback"
    if canary.exists():
        canary.unlink()
        verdict = "code ran"
    return Outcome(kind, verdict, time.monotonic() - start, case, said)


def _run_command(kind: str, file: Path, outcome: Outcome, clone: str | None, canary: Path) -> Outcome:
    """The outcome of `ppocrv2 train`, or of `check` for a config that is refused, in a process of its own."""
    command = "check" if outcome.verdict == "refuses" else "train"
    start = time.monotonic()
    try:
        code, said = run_command([command, "-c", file.name], file.parent, clone, COMMAND_LIMIT)
    except subprocess.TimeoutExpired:
        return outcome._replace(kind=f"command: {command}", verdict="no end", seconds=COMMAND_LIMIT)
    verdict = judge_command(code, said)
    if outcome.verdict == "refuses" and verdict in ("works", "finds"):
        verdict = "wrong exit code"
    if canary.exists():
        canary.unlink()
        verdict = "code ran"
    return Outcome(f"command: {command}", verdict, time.monotonic() - start, f"{kind}: {outcome.case}", said[-600:])


def _places(value: Any, place: Place = ()) -> Iterator[Place]:
    """The place of each value of a config, the sections included."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*place, key)
        yield from _places(item, (*place, key))


def _get(recipe: Any, place: Place) -> Any:
    for key in place:
        recipe = recipe[key]
    return recipe


def _set(recipe: Any, place: Place, value: Any) -> None:
    _get(recipe, place[:-1])[place[-1]] = value


def _pick(recipe: dict, rng: random.Random, leaves_only: bool = True) -> Place:
    places = [p for p in _places(recipe) if not (leaves_only and isinstance(_get(recipe, p), (dict, list)))]
    return rng.choice(places)


def _numbers(recipe: dict) -> list[Place]:
    return [p for p in _places(recipe) if isinstance(_get(recipe, p), (int, float))]


def _dump(recipe: Any) -> str:
    return yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True)


def _change_values(values: Callable[[random.Random, Path], list], numbers: bool = False) -> Callable:
    """A mutation that puts one of ``values`` in the place of one to three values."""

    def mutate(recipe: dict, rng: random.Random, canary: Path) -> str:
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            place = rng.choice(_numbers(recipe)) if numbers else _pick(recipe, rng)
            with contextlib.suppress(TypeError):  # a value inside one that was replaced before
                _set(recipe, place, copy.deepcopy(rng.choice(values(rng, canary))))
        return _dump(recipe)

    return mutate


def _code(rng: random.Random, canary: Path) -> list[str]:
    touch = f"open({str(canary)!r}, 'w')"
    return [
        touch,
        f"(lambda *a, **k: {touch})",
        f"[{touch} for _ in 'a'][0] or 1./255.",
        f'__import__("pathlib").Path({str(canary)!r}).touch()',
        f"1./255. if {touch} else 1",
        f"DecodeImage.__init__.__globals__['os'].system('touch {canary}')",
        f"nn.Layer.__init__.__globals__['__builtins__']['eval'](\"{touch}\")",
    ]


def _code_where_it_is_evaluated(recipe: dict, rng: random.Random, canary: Path) -> str:
    code = rng.choice(_code(rng, canary))
    keys = ("scale", "inter_type", "gtc_encode", "act", "act_layer", "norm_layer", "sub_norm", "block_unit", "mode")
    transforms = recipe["Train"]["dataset"].get("transforms") or [{"DecodeImage": None}]
    spots: list[Callable[[], None]] = [
        lambda: recipe["Global"].update({rng.choice(keys): code}),
        lambda: recipe["Train"].update(sampler={"name": code}),
        lambda: recipe["Train"]["loader"].update(collate_fn=code),
        lambda: recipe["Train"]["dataset"].update(name=code),
        lambda: recipe["Architecture"].update(name=code),
        lambda: recipe["Architecture"].update(Transform={"name": code}),
        lambda: recipe["Loss"].update(name=code),
        lambda: recipe.update(Loss={"name": "MultiLoss", "loss_config_list": [{code: None}]}),
        lambda: recipe.update(Loss={"name": "CombinedLoss", "loss_config_list": [{code: {"weight": 1.0}}]}),
        lambda: recipe["Metric"].update(name=code),
        lambda: recipe["Metric"].update(base_metric_name=code),
        lambda: recipe["PostProcess"].update(name=code),
        lambda: recipe["Optimizer"].update(name=code),
        lambda: transforms.insert(1, {code: None}),
        lambda: transforms.insert(1, {"NormalizeImage": {"scale": code}}),
        lambda: transforms.insert(
            1, {"GrayRecResizeImg": {"inter_type": code, "image_shape": [1, 2], "resize_type": 1}}
        ),
        lambda: transforms.insert(1, {"MultiLabelEncode": {"gtc_encode": code}}),
        lambda: transforms.insert(1, {"IaaAugment": {"augmenter_args": [{"type": code, "args": {}}]}}),
        lambda: (recipe["Architecture"].get("Backbone") or {}).update({rng.choice(keys): code}),
    ]
    rng.choice(spots)()
    return _dump(recipe)


def _remove_keys(recipe: dict, rng: random.Random, canary: Path) -> str:
    for _ in range(rng.choice((1, 1, 2, 3))):
        place = _pick(recipe, rng, leaves_only=False)
        del _get(recipe, place[:-1])[place[-1]]
    return _dump(recipe)


def _misspell(recipe: dict, rng: random.Random, canary: Path) -> str:
    keys = [p for p in _places(recipe) if isinstance(p[-1], str) and isinstance(_get(recipe, p[:-1]), dict)]
    place = rng.choice(keys)
    key, at = place[-1], rng.randrange(len(place[-1]))
    spelt = rng.choice((key[:at] + key[at + 1 :], key[:at] + rng.choice("xyz_") + key[at:], key.swapcase(), f" {key}"))
    section = _get(recipe, place[:-1])
    section[spelt] = section.pop(key)
    return _dump(recipe)


def _change_text(change: Callable[[str, random.Random], Any]) -> Callable:
    """A mutation of the text of the file."""
    return lambda recipe, rng, canary: change(_dump(recipe), rng)


def _insert(pieces: list[str]) -> Callable:
    def change(text: str, rng: random.Random) -> str:
        at = rng.randrange(len(text))
        return text[:at] + rng.choice(pieces) + text[at:]

    return _change_text(change)


def _double_line(text: str, rng: random.Random) -> str:
    lines = text.splitlines()
    at = rng.randrange(len(lines))
    return "\n".join([*lines[: at + 1], *lines[at:]])


def _append(pieces: list[str]) -> Callable:
    return _change_text(lambda text, rng: f"{text}\n{rng.choice(pieces)}\n")


def _alias_bomb(text: str, rng: random.Random) -> str:
    width, levels = rng.choice((5, 10, 20)), rng.choice((8, 12, 20))
    lines = ["bomb:", f"  a0: &a0 [{', '.join(['x'] * width)}]"]
    lines += [f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join([*lines, text]) if rng.random() < 0.5 else "\n".join([text, *lines])


def _random_bytes(text: str, rng: random.Random) -> bytes:
    content = bytearray(text.encode())
    for _ in range(rng.choice((1, 5, 50))):
        content[rng.randrange(len(content))] = rng.randrange(256)
    return bytes(content)


def _shuffle_transforms(recipe: dict, rng: random.Random, canary: Path) -> str:
    transforms = recipe[rng.choice(("Train", "Eval"))]["dataset"].get("transforms") or []
    if rng.random() < 0.5:
        rng.shuffle(transforms)
    elif transforms:
        transforms.insert(rng.randrange(len(transforms)), copy.deepcopy(rng.choice(transforms)))
    return _dump(recipe)


def _swap_sections(recipe: dict, rng: random.Random, canary: Path) -> str:
    first, second = _pick(recipe, rng, leaves_only=False), _pick(recipe, rng, leaves_only=False)
    _set(recipe, first, copy.deepcopy(_get(recipe, second)))
    return _dump(recipe)


HUGE = [10**9, 10**18, 2**63, 10**40, 1e300, 10**400, 999_999, 2**31]
OTHER_TYPES = [
    "text",
    "",
    "true",
    "12",
    [],
    {},
    [1, 2],
    {"a": 1},
    True,
    None,
    0.5,
    7,
    ["3", "32", "320"],
    "null",
    "[1, 2]",
]
TAGS = [
    "!!python/object/apply:os.getcwd []",
    "!!int x",
    "!!float x",
    "!!map [1]",
    "!!timestamp x",
    "!!binary '?'",
    "!!set {a}",
]
MUTATIONS: dict[str, Callable[[dict, random.Random, Path], Any]] = {
    "nothing": lambda recipe, rng, canary: _dump(recipe),
    "a value of another type": _change_values(lambda rng, canary: OTHER_TYPES),
    "a number of another type": _change_values(lambda rng, canary: OTHER_TYPES, numbers=True),
    "a huge number": _change_values(lambda rng, canary: HUGE, numbers=True),
    "zero or less": _change_values(lambda rng, canary: [0, -1, -0.5, -(10**9)], numbers=True),
    "nan or inf": _change_values(lambda rng, canary: [float("nan"), float("inf"), -float("inf")], numbers=True),
    "nested lists": _change_values(lambda rng, canary: [[[1]], [[[]]], [[{"a": [1]}]], [[1, 2], [3]], [None]]),
    "a long text": _change_values(lambda rng, canary: ["x" * 300, "x/" * 3000, "字" * 200, "../" * 50, "\t", " "]),
    "code": _change_values(_code),
    "code where it is evaluated": _code_where_it_is_evaluated,
    "keys removed": _remove_keys,
    "a key misspelt": _misspell,
    "a value from elsewhere": _swap_sections,
    "transforms in another order": _shuffle_transforms,
    "a line twice": _change_text(_double_line),
    "a control character": _insert(["\x00", "\x07", "\x0b", "\x1b", "\ufffe", "\t", '"\\0"', '"\\ud800"', "\u2028"]),
    "punctuation of YAML": _insert(
        ["[", "{", "}", ": ", "- ", "*", "&", "!", "%", "|", ">", "'", '"', "? ", "<<: 1\n"]
    ),
    "a tag": _append([f"more: {tag}" for tag in TAGS]),
    "an alias in itself": _append(["more: &m [*m]", "more: &m {a: *m}", "more: {<<: *n}", "more: &m {<<: *m}"]),
    "aliases without end": _change_text(_alias_bomb),
    "deep nesting": _change_text(lambda text, rng: text + "\nmore: " + rng.choice("[{") * rng.choice((100, 3000))),
    "keys that are no text": _append(["7: a", "null: a", "true: a", "[1, 2]: a", "? {a: b}\n: c", "2026-11-27: a"]),
    "a cut file": _change_text(lambda text, rng: text[: rng.randrange(len(text))]),
    "random bytes": _change_text(_random_bytes),
    "no config": lambda recipe, rng, canary: rng.choice(
        ["", "a", "- 1", "7", "\n\n", "---\n---\n", "\ufeff", b"\xff\xfea"]
    ),
}
