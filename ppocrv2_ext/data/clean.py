"""Label files without what is broken, which training reads in place of the user's own."""

from __future__ import annotations

import json
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import UserError
from ..files import PathLike, atomic_write
from .advice import advise
from .dictionary import read_without_mark
from .findings import Report, Sample, SetFindings, explain_no_text, list_files, list_unknown_characters
from .labels import IGNORED_TEXTS
from .lmdbs import Labels, read_corrections
from .reasons import BOX, FAIL, IGNORED, REASONS, UNUSABLE
from .sources import LMDB_SETS

ENDING = "`ppocrv2 check` lists everything."  # of a sentence that names the first problem alone


def require_usable(report: Report) -> None:
    """Refuse a data set that leaves nothing to train on or to evaluate.

    Raises:
        UserError: no line of a set is usable; or all text of a detector's set is ignored, or of a recognizer's is
            spaces; or the dictionary lacks characters and ``Global.unknown_characters`` is ``fail``.
    """
    for data_set in report.sets:
        if data_set.effects["unknown-character"] == FAIL and data_set.unknown_characters:
            has_file = data_set.rules.dictionary
            add = "add them to it" if has_file else "name one that has them in Global.character_dict_path"
            raise UserError(
                f"{data_set.places['unknown-character'][0]}: the dictionary lacks {list_unknown_characters(data_set)};"
                f" {add}, or set Global.unknown_characters to skip or drop-character. {ENDING}"
            )
        if not data_set.usable_samples:
            raise UserError(
                f"{data_set.mode}: none of the {len(data_set.samples)} lines of {list_files(data_set)} is usable"
                f"{_first_problem(data_set)}. {ENDING}"
            )
        if data_set.has_no_text:
            raise UserError(explain_no_text(data_set))


def _first_problem(data_set: SetFindings) -> str:
    """``; words.txt:1: missing-image, the image must be ...``; empty if no line is broken."""
    for reason, places in data_set.places.items():
        if data_set.effects[reason] in UNUSABLE:
            return f"; {places[0]}: {reason}, {REASONS[reason].rule}; {advise(data_set, reason)}"
    return ""


def is_lmdb(data_set: SetFindings) -> bool:
    """Whether the samples lie in LMDBs, which are not rewritten."""
    return data_set.rules.kind in LMDB_SETS


def name_clean_files(data_set: SetFindings, folder: PathLike) -> list[Path]:
    """Where the clean form of each label file goes: ``folder/train/NAME`` or ``folder/eval/NAME``.

    Where two of the files have the same name, all get their position in front.
    """
    names = [file.name for file, _ in data_set.files]
    # Of all, because a file of the user may be called 1-NAME. Some file systems take Name and name for one.
    if len({unicodedata.normalize("NFKC", name).casefold() for name in names}) < len(names):
        names = [f"{n}-{name}" for n, name in enumerate(names, 1)]
    return [Path(folder) / data_set.mode.lower() / name for name in names]


def write_clean_files(data_set: SetFindings, folder: PathLike) -> list[Path]:
    """Write the label files of a data set without what is broken.

    Each appears complete or not at all. Processes that share the folder may all do this at once: they write the same.

    Returns:
        The paths of the files, in the order of the set's own.
    """
    targets = name_clean_files(data_set, folder)
    for target, (_, samples) in zip(targets, data_set.files):
        lines = [f"{sample.line}\n" for sample in samples if sample.line is not None]
        with atomic_write(target) as part:
            part.write_bytes("".join(lines).encode("utf-8"))  # bytes: the same line ends on every system
    return targets


def fix(report: Report, folder: PathLike) -> list[str]:
    """Write clean label files for every data set that needs them. No file is overwritten.

    Returns:
        A sentence for each data set.
    Raises:
        UserError: a file of that name exists already.
    """
    sets = [data_set for data_set in report.sets if data_set.needs_rewriting and not is_lmdb(data_set)]
    existing = [path for data_set in sets for path in name_clean_files(data_set, folder) if path.exists()]
    if existing:
        raise UserError(f"{existing[0]} is there already; name another folder.")
    return [_fix_set(data_set, folder) for data_set in report.sets]


def _fix_set(data_set: SetFindings, folder: PathLike) -> str:
    if not data_set.needs_rewriting:
        return f"{data_set.mode}: nothing to fix."
    if is_lmdb(data_set):
        return f"{data_set.mode}: an LMDB is not rewritten; a training leaves its broken samples out by itself."
    usable = data_set.usable_samples
    effects = Counter(data_set.effects[reason] for sample in usable for reason in sample.check.reasons)
    counts = f"{len(usable)} of {len(data_set.samples)} lines"
    if effects[IGNORED] or effects[BOX]:
        counts += f", in them {effects[IGNORED]} broken boxes made {IGNORED_TEXTS[1]} and {effects[BOX]} left out"
    files = ", ".join(map(str, write_clean_files(data_set, folder)))
    return f"{data_set.mode}: wrote {files}: {counts}."


def write_corrections(data_set: SetFindings, folder: PathLike, before: Mapping[str, Labels]) -> Path:
    """Write what is to be read in place of samples of LMDBs: ``{LMDB: {number: label, or null to leave it out}}``.

    Args:
        before: the corrections that the data set was read with. They stay.
    """
    corrections = {
        str(file): {**before.get(os.path.normpath(file), {}), **_correct(samples)} for file, samples in data_set.files
    }
    target = Path(folder) / data_set.mode.lower() / "lmdb-corrections.json"
    with atomic_write(target) as part:
        part.write_bytes(json.dumps(corrections).encode("utf-8"))
    return target


def _correct(samples: Iterable[Sample]) -> Labels:
    return {
        str(sample.entry.number): None if sample.line is None else sample.check.label
        for sample in samples
        if sample.line is None or sample.check.label != sample.entry.label
    }


def with_clean_label_files(config: dict, report: Report, folder: PathLike) -> dict:
    """``config`` with clean label files, written to ``folder``, for every data set that needs them.

    A dictionary that begins with a byte-order mark is written without it.
    """
    for data_set in report.sets:
        if data_set.needs_rewriting:
            mode, dataset = data_set.mode, config[data_set.mode]["dataset"]
            if is_lmdb(data_set):
                file = write_corrections(data_set, folder, read_corrections(mode, dataset))
                changes: dict = {"corrections": str(file)}
            else:
                changes = {"label_file_list": [str(path) for path in write_clean_files(data_set, folder)]}
            config = {**config, mode: {**config[mode], "dataset": {**dataset, **changes}}}
    return with_clean_dictionary(config, folder) if report.dictionaries else config


def with_clean_dictionary(config: dict, folder: PathLike) -> dict:
    """``config``, and if its dictionary begins with a byte-order mark, with a copy in ``folder`` that has none."""
    file = config["Global"].get("character_dict_path")
    content = read_without_mark(file) if file else None
    if content is None:
        return config
    target = Path(folder) / Path(file).name
    with atomic_write(target) as part:
        part.write_bytes(content)
    return {**config, "Global": {**config["Global"], "character_dict_path": str(target)}}
