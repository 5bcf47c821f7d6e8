"""The ablation as a table: the paper's column beside ours, in Markdown and JSON. :mod:`.plot` draws the picture."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..markdown import markdown_table
from .average import is_current
from .paper import Row
from .results import Results

NAMES = {
    "acc": "exact match",
    "norm_edit_dis": "1 − NED",
    "hmean": "hmean",
    "precision": "precision",
    "recall": "recall",
}
FIRST_COST = "images"  # the first of the columns that say what a row costs


class Spread(NamedTuple):
    """One number over several seeds."""

    mean: float
    deviation: float | None  # of a sample, n - 1; None for fewer than two
    values: list[float]

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread | None:
        """None if there are no values."""
        values = list(values)
        if not values:
            return None
        return cls(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, values)


class Line(NamedTuple):
    """One row of the report. Of several networks, the measures are those of the best network of each run.

    The names of the fields are the keys of table.json.
    """

    key: str
    label: str
    paper: float | None
    seeds: list[int]
    measures: dict[str, Spread]  # empty without a run
    difference: Spread | None  # of the main measure from the first row, seed by seed; None without a common seed
    networks: dict[str, tuple[Spread, Spread | None]]  # main measure of a network, and its difference as above
    images: float | None
    train_seconds: float | None
    cpu_seconds: float | None
    deployed: dict | None  # what the exported network costs
    failures: list[tuple]  # (seed, problem, path of the log)
    averaged: dict | None  # seeds, and networks: {network: {measure: value}}, of the average of their weights


class Section(NamedTuple):
    """The table of one budget."""

    title: str
    lines: list[Line]
    notes: list[str]  # sentences below the table

    @classmethod
    def of(cls, title: str, rows: Iterable[Row], results: Results, measures: Sequence[str]) -> Section:
        """The table of ``rows``, from what the folder of a budget holds."""
        rows, results = list(rows), without_stale(results)
        runs = {row.key: results.runs[row.key] for row in rows if row.key in results.runs}
        notes = list(make_notes(runs, results.deployments)) if runs else []
        return cls(title, summarize(rows, results, measures), notes)


def without_stale(results: Results) -> Results:
    """``results`` without the averages and the exported networks that other runs made than those that are there."""
    runs = {key: sorted(own, key=lambda run: run["seed"]) for key, own in results.runs.items()}
    digests = {key: {run["digest"] for run in own} for key, own in runs.items()}
    return results._replace(
        averages={key: each for key, each in results.averages.items() if is_current(each, runs.get(key, []))},
        deployments={
            key: each for key, each in results.deployments.items() if each.get("digest") in digests.get(key, ())
        },
    )


def summarize(rows: Sequence[Row], results: Results, measures: Sequence[str]) -> list[Line]:
    """One Line for every row.

    Args:
        rows: differences are taken from the first one that has runs.
        results: what the folder of a budget holds.
        measures: names of the measures, the main one first.
    """
    main = measures[0]
    runs = {row.key: {run["seed"]: run for run in results.runs.get(row.key, [])} for row in rows}
    first = next((key for key, own in runs.items() if own), None)
    lines = []
    for row in rows:
        own = dict(sorted(runs[row.key].items()))
        best = {seed: run["networks"][run["best"]] for seed, run in own.items()}
        base = {} if row.key == first else {s: r["networks"][r["best"]][main] for s, r in runs.get(first, {}).items()}
        names = next(iter(own.values()))["networks"] if own else ()
        networks = {
            name: {seed: run["networks"][name][main] for seed, run in own.items() if name in run["networks"]}
            for name in names
        }
        lines.append(
            Line(
                key=row.key,
                label=row.label,
                paper=row.paper,
                seeds=list(own),
                measures={name: Spread.of(values[name] for values in best.values()) for name in measures if own},
                difference=_compare({seed: values[main] for seed, values in best.items()}, base),
                networks={
                    name: (Spread.of(values.values()), _compare(values, base)) for name, values in networks.items()
                },
                images=_average(own, "images"),
                train_seconds=_average(own, "train_seconds"),
                cpu_seconds=_average(own, "cpu_seconds"),
                deployed=results.deployments.get(row.key),
                failures=list(results.failures.get(row.key, [])),
                averaged=results.averages.get(row.key),
            )
        )
    return lines


def _compare(values: Mapping[int, float], base: Mapping[int, float]) -> Spread | None:
    """Spread of ``values`` - ``base``, over the seeds that both have."""
    return Spread.of(values[seed] - base[seed] for seed in values if seed in base)


def _average(runs: Mapping[int, dict], key: str) -> float | None:
    return statistics.fmean(run[key] for run in runs.values()) if runs else None


def make_cells(lines: Iterable[Line], measures: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """The main table as text: (header, rows)."""
    header = ["", "paper", *(NAMES[m] for m in measures), "n", "difference", FIRST_COST, "train, min", "CPU, min"]
    header += ["params, M", "file, MiB", "ms"]
    rows = []
    for line in lines:
        cost = line.deployed or {}
        cells = [_format_spread(line.measures.get(m)) for m in measures]
        if line.failures and not line.seeds:
            cells[0] = "failed"
        rows.append(
            [
                line.label,
                _format(line.paper, "{:.3f}"),
                *cells,
                str(len(line.seeds)) + (f" (+{len(line.failures)} failed)" if line.failures else ""),
                _format_spread(line.difference, "+"),
                _format(line.images, "{:.0f}"),
                _format(line.train_seconds and line.train_seconds / 60, "{:.1f}"),
                _format(line.cpu_seconds and line.cpu_seconds / 60, "{:.1f}"),
                _format(cost.get("parameters") and cost["parameters"] / 1e6, "{:.3f}"),
                _format(cost.get("bytes") and cost["bytes"] / 2**20, "{:.2f}"),
                "failed" if "problem" in cost else _format(cost.get("milliseconds"), "{:.1f}"),
            ]
        )
    return header, rows


def make_average_cells(lines: Iterable[Line], measures: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """The table of averaged weights as text: (header, rows). It has no rows if nothing was averaged.

    The average of a row's seeds is one network, and costs as much as one in use. Its training took the images and the
    time of all seeds.
    """
    header = ["weights averaged over seeds", *(NAMES[m] for m in measures), "n", "over one run", FIRST_COST]
    rows = []
    for line in lines:
        average = line.averaged or {"networks": {}}
        for name, values in average["networks"].items():
            count = len(average["seeds"])
            rows.append(
                [
                    f"{line.label}: {name}" if len(average["networks"]) > 1 else line.label,
                    *(f"{values[m]:.3f}" for m in measures),
                    str(count),
                    f"{values[measures[0]] - line.networks[name][0].mean:+.3f}",
                    f"{count * line.images:.0f}",
                ]
            )
    return header, rows


def _format(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def _format_spread(spread: Spread | None, sign: str = "") -> str:
    if spread is None:
        return "–"
    deviation = "" if spread.deviation is None else f" ± {spread.deviation:.3f}"
    return f"{spread.mean:{sign}.3f}{deviation}"


def to_markdown(
    title: str, sections: Iterable[Section], start: Mapping[str, float] | None, measures: Sequence[str]
) -> str:
    """The report as Markdown.

    Args:
        title: of the report.
        sections: one for each budget.
        start: {measure: value} of the weights before training, None if they were not measured.
        measures: names of the measures, the main one first.
    """
    text = [f"# {title}", ""]
    if start:
        before = ", ".join(f"{NAMES[name]} {start[name]:.3f}" for name in measures)
        text += [f"The weights before training: {before}.", ""]
    for budget, lines, notes in sections:
        header, rows = make_cells(lines, measures)
        text += [f"## {budget[0].upper()}{budget[1:]}", "", *markdown_table(header, rows), ""]
        text += [*_write_network_table(lines), *_write_average_table(lines, measures), *_list_failures(lines)]
        text += [f"{note}\n" for note in notes]
    return "\n".join(text)


def _write_network_table(lines: Sequence[Line]) -> list[str]:
    """What each of several networks reaches. The main table has only the best network of each run."""
    pairs = [line for line in lines if len(line.networks) > 1]
    if not pairs:
        return []
    header = ["each network by itself", "mean", "difference"]
    rows = [
        [f"{line.label}: {name}", _format_spread(values), _format_spread(difference, "+")]
        for line in pairs
        for name, (values, difference) in line.networks.items()
    ]
    note = "Where several networks learn, the table above has the best network of each run. The test images chose it."
    return [note, "", *markdown_table(header, rows), ""]


def _write_average_table(lines: Sequence[Line], measures: Sequence[str]) -> list[str]:
    header, rows = make_average_cells(lines, measures)
    note = (
        "The weights of a row's seeds averaged into one network (`ppocrv2 average`). It took the images of all seeds."
    )
    return [note, "", *markdown_table(header, rows), ""] if rows else []


def _list_failures(lines: Iterable[Line]) -> list[str]:
    failures = [(line, *failure) for line in lines for failure in line.failures]
    text = [f"- failed: {line.label}, seed {seed}: {problem}; see {log}" for line, seed, problem, log in failures]
    return [*text, ""] if text else []


def make_notes(runs: Mapping[str, Sequence[dict]], deployments: Mapping[str, dict]) -> Iterator[str]:
    """Sentences on where the numbers come from, and a warning if the runs of one row cannot be compared.

    Args:
        runs, deployments: as in Results.
    """
    every = [run for own in runs.values() for run in own]
    origin = {
        key: ", ".join(sorted({_to_text(run[key]) for run in every})) for key in ("commit", "versions", "machine")
    }
    seeds = ", ".join(map(str, sorted({run["seed"] for run in every})))
    engines = ", ".join(sorted({cost["engine"] for cost in deployments.values()}))
    yield f"Commit {origin['commit']}; {origin['versions']}; {origin['machine']}; seeds {seeds}."
    yield (
        "n: number of seeds. ±: standard deviation. Difference: from the first row, seed by seed. Train: time of the "
        "trainer's loop, without its start and the evaluation. CPU: the whole training process."
    )
    if engines:
        yield f"Parameters, file and ms are of the one exported network; ms is the median of one image, with {engines}."
    for key, own in runs.items():
        # Each seed may start from weights of its own, which are in the digest of the run.
        if len({(run.get("settings", run["digest"]), run["images"]) for run in own}) > 1:
            yield f"**The runs of row {key} were made with different settings; do not compare them.**"


def _to_text(value: Any) -> str:
    return ", ".join(f"{name} {item}" for name, item in value.items()) if isinstance(value, dict) else value


def to_json(sections: Iterable[Section], start: Mapping[str, float] | None, measures: Sequence[str]) -> dict:
    """The report as plain data. The arguments are those of :func:`to_markdown`."""
    return {"measures": list(measures), "start": start, "budgets": _to_plain(list(sections))}


def _to_plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: _to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
