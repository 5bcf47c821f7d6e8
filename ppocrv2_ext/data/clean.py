"""What training is handed instead of broken label files, and when there is nothing left to train on."""

from collections import Counter
from pathlib import Path

from ..errors import UserError
from ..files import atomic_write
from .labels import IGNORED_TEXTS
from .reasons import BOX, FAIL, IGNORED, REASONS, UNUSABLE

SHOWN = 20  # characters in a message
MORE = "`ppocrv2 check` lists everything."


def require_usable(report):
    """Refuse a set that has nothing to offer.

    Raises:
        UserError: no line of a set is usable; or, to train a detector on, none shows text that is not ignored; or
            characters are unknown and ``Global.unknown_characters`` is ``fail``.
    """
    for found in report.sets:
        files = names(found)
        if found.effects["unknown-character"] == FAIL and found.unknown:
            raise UserError(
                f"{found.places['unknown-character'][0]}: the dictionary lacks {characters(found)}; add them to it, "
                f"or set Global.unknown_characters to skip or drop-character. {MORE}"
            )
        if not found.usable:
            firsts = [(places[0], name) for name, places in found.places.items() if found.effects[name] in UNUSABLE]
            why = f"; {firsts[0][0]}: {firsts[0][1]}, {REASONS[firsts[0][1]].rule}" if firsts else ""
            raise UserError(f"{found.mode}: none of the {len(found.samples)} lines of {files} is usable{why}. {MORE}")
        if found.nothing_to_learn:
            raise UserError(nothing_to_learn(found))


def nothing_to_learn(found):
    """The sentence on a training set in which all text is ignored."""
    return (
        f"{found.mode}: all {found.objects} boxes of {names(found)} are ignored (### or *): there is nothing to learn."
    )


def names(found):
    """The label files of a set as they are written in a sentence."""
    return ", ".join(str(file) for file, _ in found.files)


def characters(found):
    """``'é' (12 times), 'ü' (3 times) and 5 more``: what the dictionary lacks, most frequent first."""
    listed = [f"{character!r} ({count} times)" for character, count in list(found.unknown.items())[:SHOWN]]
    more = len(found.unknown) - len(listed)
    return ", ".join(listed) + (f" and {more} more" if more else "")


def targets(found, folder):
    """Where the clean form of each label file goes: ``folder/train/NAME`` or ``folder/eval/NAME``, numbered if two."""
    given = [file.name for file, _ in found.files]
    numbered = [name if given.count(name) == 1 else f"{n}-{name}" for n, name in enumerate(given, 1)]
    return [Path(folder) / found.mode.lower() / name for name in numbered]


def write(found, folder):
    """Write all label files of a set anew, without what is broken: each is there whole or not at all.

    Processes that share the folder may do so at once: they write the same.

    Returns:
        Paths of the written files, in order.
    """
    written = targets(found, folder)
    for target, (_, samples) in zip(written, found.files):
        lines = [f"{sample.line}\n" for sample in samples if sample.line is not None]
        with atomic_write(target) as part:
            part.write_bytes("".join(lines).encode("utf-8"))  # bytes: the same line ends everywhere
    return written


def fix(report, folder):
    """Write what :func:`write` does for every set with something broken, over no file that is there already.

    Returns:
        A sentence for each set.
    """
    sets = [found for found in report.sets if found.needs_rewriting]
    there = [path for found in sets for path in targets(found, folder) if path.exists()]
    if there:
        raise UserError(f"{there[0]} is there already; name another folder.")
    return [_fixed(found, folder) for found in report.sets]


def _fixed(found, folder):
    if not found.needs_rewriting:
        return f"{found.mode}: nothing to fix."
    boxes = Counter(found.effects[reason] for sample in found.usable for reason in sample.verdict.reasons)
    counts = f"{len(found.usable)} of {len(found.samples)} lines"
    if boxes[IGNORED] or boxes[BOX]:
        counts += f", in them {boxes[IGNORED]} broken boxes made {IGNORED_TEXTS[1]} and {boxes[BOX]} left out"
    return f"{found.mode}: wrote {', '.join(map(str, write(found, folder)))}: {counts}."


def with_clean_label_files(config, report, folder):
    """``config`` whose data sets name clean label files in ``folder`` where their own have something broken."""
    for found in report.sets:
        if found.needs_rewriting:
            dataset = {**config[found.mode]["dataset"], "label_file_list": [str(p) for p in write(found, folder)]}
            config = {**config, found.mode: {**config[found.mode], "dataset": dataset}}
    return config
