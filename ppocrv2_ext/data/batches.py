"""How many samples a data set hands out, and how many batches they fill. A sentence says where it gives too few."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .line_shapes import SAMPLER
from .sources import LABEL_FILE_SETS, count_taken, list_label_files, list_paths, list_ratios

Counts = Mapping[str, Sequence[int]]  # {section: numbers of usable samples, one for each label file or LMDB}


def explain_empty_share(config: Mapping[str, Any], mode: str, counts: Sequence[int]) -> str | None:
    """Of which label file or LMDB ``ratio_list`` takes no sample, and what to set; None if there is none.

    Args:
        mode: "Train" or "Eval".
        counts: numbers of usable samples, one for each label file or LMDB.
    """
    dataset = config[mode]["dataset"]
    for path, number, ratio in zip(list_paths(mode, dataset), counts, list_ratios(mode, dataset)):
        if number and not count_taken(number, ratio):
            return (
                f"{mode}.dataset.ratio_list: the share {ratio:g} takes none of the {number} samples of {path};"
                f" make it larger, such as {_find_share(number):g}, or leave {path.name} out."
            )
    return None


def explain_no_batch(config: Mapping[str, Any], mode: str, counts: Sequence[int], ranks: int = 1) -> str | None:
    """Why the samples that ``ratio_list`` takes fill no batch, and what to set; None if they do.

    MultiScaleSampler may have fewer: it repeats samples. PaddleOCR evaluates in one process, without a sampler.

    Args:
        mode: "Train" or "Eval".
        counts: numbers of usable samples, one for each label file or LMDB.
        ranks: processes that share each batch of Train.
    """
    dataset, loader, is_training = config[mode]["dataset"], config[mode]["loader"], mode == "Train"
    ratios = list_ratios(mode, dataset)
    count = sum(map(count_taken, counts, ratios))
    needed = loader["batch_size_per_card"] * (ranks if is_training else 1) if loader.get("drop_last") else 1
    advice = f"lower {mode}.loader.batch_size_per_card or set {mode}.loader.drop_last=false"
    if is_training and (config[mode].get("sampler") or {}).get("name") == SAMPLER:
        needed, advice = ranks, "add samples"
    if count >= needed:
        return None
    after = "" if set(ratios) == {1.0} else f" after {mode}.dataset.ratio_list={ratios}"
    effect = "" if is_training else ", so nothing would be evaluated"
    return f"{_name(dataset)}: {count} samples{after} do not fill one batch of {needed}{effect}; {advice}."


def list_parts(config: Mapping[str, Any], counts: Counts) -> list[str]:
    """A sentence if every evaluation judges only a part of its set, as the rest does not fill a batch; else nothing."""
    dataset, loader = config["Eval"]["dataset"], config["Eval"]["loader"]
    if "Eval" not in counts or not loader.get("drop_last"):
        return []
    size = loader["batch_size_per_card"]
    count = sum(map(count_taken, counts["Eval"], list_ratios("Eval", dataset)))
    rest = count % size
    sentence = (
        f"Eval: the metrics count {count - rest} of the {count} samples of {_name(dataset)}; the rest does not fill a"
        f" batch of {size}: set Eval.loader.drop_last=false to judge all."
    )
    return [sentence] if 0 < rest < count else []


def list_gaps(config: Mapping[str, Any], counts: Counts) -> list[str]:
    """Sentences about files of which nothing is taken, and about what no evaluation judges.

    A batch that Train does not fill is none of them: that is a matter of the training, which says so at once.
    """
    usable = {mode: numbers for mode, numbers in counts.items() if any(numbers)}
    reasons = [
        explain_empty_share(config, mode, numbers)
        or (explain_no_batch(config, mode, numbers) if mode == "Eval" else None)
        for mode, numbers in usable.items()
    ]
    return [*filter(None, reasons), *list_parts(config, usable)]


def _name(dataset: Mapping[str, Any]) -> str:
    files = list_label_files(dataset) if dataset["name"] in LABEL_FILE_SETS else [dataset["data_dir"]]
    return ", ".join(map(str, files))


def _find_share(number: int) -> float:
    """The least share of three digits that takes a whole one of ``number`` samples."""
    return math.ceil(1000 / number) / 1000
