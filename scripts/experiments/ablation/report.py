"""The ablation table: the paper's column beside ours, as Markdown and JSON. The picture: :mod:`.ablation_plot`."""

import statistics
from pathlib import Path
from typing import NamedTuple, Optional

from ..markdown import markdown_table

NAMES = {
    "acc": "exact match",
    "norm_edit_dis": "1 − NED",
    "hmean": "hmean",
    "precision": "precision",
    "recall": "recall",
}
COSTS = "images"  # the column that begins what a row costs


class Spread(NamedTuple):
    """Of one number over seeds."""

    mean: float
    deviation: Optional[float]  # of a sample, n - 1; None for fewer than two
    values: list

    @classmethod
    def of(cls, values):
        """None for no values."""
        values = list(values)
        if not values:
            return None
        return cls(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, values)


class Line(NamedTuple):
    """One row of a finished table; the measures are those of the better network of each run."""

    key: str
    label: str
    paper: Optional[float]
    seeds: list
    measures: dict  # {name: Spread}, empty without a run
    difference: Optional[Spread]  # of the main measure from the first row, seed by seed; None where none is shared
    networks: dict  # {network: (Spread of the main measure, Spread of its difference, None as above)}
    images: Optional[float]
    train_seconds: Optional[float]
    cpu_seconds: Optional[float]
    deployed: Optional[dict]
    failures: list  # [(seed, problem, path of the log)]
    averaged: Optional[dict]  # seeds, and networks: {network: {measure: value}} of the mean of their weights


class Section(NamedTuple):
    """The table of one budget."""

    title: str
    lines: list  # of Line
    notes: list  # sentences that end it

    @classmethod
    def of(cls, title, rows, found, measures):
        """From what a budget's folder holds, a :class:`experiments.ablation.schedule.Found`."""
        results = {row.key: found.results[row.key] for row in rows if row.key in found.results}
        return cls(title, summarize(rows, *found, measures), list(notes(results, found.deployed)) if results else [])


def summarize(rows, results, deployed, failures, averaged, measures):
    """One Line for every row.

    Args:
        rows: rows of :mod:`experiments.ablation.rows`; differences are taken from the first that has runs.
        results: {row key: list of the results of its runs}.
        deployed: {row key: dict of parameters, bytes, milliseconds ...}.
        failures: {row key: list of (seed, problem, log)}.
        averaged: {row key: dict of seeds, networks ...}.
        measures: names of the measures, the main one first.
    """
    main = measures[0]
    runs = {row.key: {run["seed"]: run for run in results.get(row.key, [])} for row in rows}
    first = next((key for key, own in runs.items() if own), None)
    lines = []
    for row in rows:
        own = dict(sorted(runs[row.key].items()))
        better = {seed: run["networks"][run["best"]] for seed, run in own.items()}
        base = {} if row.key == first else {s: r["networks"][r["best"]][main] for s, r in runs.get(first, {}).items()}
        each = {name: {seed: run["networks"][name][main] for seed, run in own.items()} for name in _networks(own)}
        lines.append(
            Line(
                key=row.key,
                label=row.label,
                paper=row.paper,
                seeds=list(own),
                measures={name: Spread.of(found[name] for found in better.values()) for name in measures if own},
                difference=_difference({seed: found[main] for seed, found in better.items()}, base),
                networks={name: (Spread.of(found.values()), _difference(found, base)) for name, found in each.items()},
                images=_mean(own, "images"),
                train_seconds=_mean(own, "train_seconds"),
                cpu_seconds=_mean(own, "cpu_seconds"),
                deployed=deployed.get(row.key),
                failures=list(failures.get(row.key, [])),
                averaged=averaged.get(row.key),
            )
        )
    return lines


def _networks(runs):
    return next(iter(runs.values()))["networks"] if runs else ()


def _difference(found, base):
    """Spread of ``found`` - ``base``, over the seeds both have."""
    return Spread.of(found[seed] - base[seed] for seed in found if seed in base)


def _mean(runs, key):
    return statistics.fmean(run[key] for run in runs.values()) if runs else None


def cells(lines, measures):
    """(header, rows) of text."""
    header = ["", "paper", *(NAMES[m] for m in measures), "n", "difference", COSTS, "train, min", "CPU, min"]
    header += ["params, M", "file, MiB", "ms"]
    rows = []
    for line in lines:
        cost = line.deployed or {}
        shown = [_spread(line.measures.get(m)) for m in measures]
        if line.failures and not line.seeds:
            shown[0] = "failed"
        rows.append(
            [
                line.label,
                _or_dash(line.paper, "{:.3f}"),
                *shown,
                str(len(line.seeds)) + (f" (+{len(line.failures)} failed)" if line.failures else ""),
                _spread(line.difference, "+"),
                _or_dash(line.images, "{:.0f}"),
                _or_dash(line.train_seconds and line.train_seconds / 60, "{:.1f}"),
                _or_dash(line.cpu_seconds and line.cpu_seconds / 60, "{:.1f}"),
                _or_dash(cost.get("parameters") and cost["parameters"] / 1e6, "{:.3f}"),
                _or_dash(cost.get("bytes") and cost["bytes"] / 2**20, "{:.2f}"),
                _or_dash(cost.get("milliseconds"), "{:.1f}"),
            ]
        )
    return header, rows


def averaged_cells(lines, measures):
    """(header, rows) of text: what the mean of the weights of a row's seeds reads; no rows where nothing was averaged.

    It costs what one network costs once it is deployed, and in training the images and the time of all its seeds.
    """
    header = ["weights averaged over seeds", *(NAMES[m] for m in measures), "n", "over one run", COSTS]
    rows = []
    for line in lines:
        found = line.averaged or {"networks": {}}
        for name, reached in found["networks"].items():
            count = len(found["seeds"])
            rows.append(
                [
                    f"{line.label}: {name}" if len(found["networks"]) > 1 else line.label,
                    *(f"{reached[m]:.3f}" for m in measures),
                    str(count),
                    f"{reached[measures[0]] - line.networks[name][0].mean:+.3f}",
                    f"{count * line.images:.0f}",
                ]
            )
    return header, rows


def _or_dash(value, form):
    return "–" if value is None else form.format(value)


def _spread(spread, sign=""):
    if spread is None:
        return "–"
    deviation = "" if spread.deviation is None else f" ± {spread.deviation:.3f}"
    return f"{spread.mean:{sign}.3f}{deviation}"


def markdown(title, sections, start, measures):
    """The report as Markdown.

    Args:
        title: of the report.
        sections: list of Section.
        start: {measure: value} of the weights before training, None if they were not measured.
        measures: names of the measures, the main one first.
    """
    text = [f"# {title}", ""]
    if start:
        before = ", ".join(f"{NAMES[name]} {start[name]:.3f}" for name in measures)
        text += [f"The weights before training: {before}.", ""]
    for budget, lines, remarks in sections:
        header, rows = cells(lines, measures)
        text += [f"## {budget[0].upper()}{budget[1:]}", "", *markdown_table(header, rows), ""]
        text += [*_each_network(lines), *_averaged(lines, measures), *_failures(lines)]
        text += [f"{remark}\n" for remark in remarks]
    return "\n".join(text)


def _each_network(lines):
    """Of several networks the table shows the better one of each run; here is what each reaches."""
    pairs = [line for line in lines if len(line.networks) > 1]
    if not pairs:
        return []
    header = ["each network by itself", "mean", "difference"]
    rows = [
        [f"{line.label}: {name}", _spread(reached), _spread(difference, "+")]
        for line in pairs
        for name, (reached, difference) in line.networks.items()
    ]
    why = "Where several networks learn, the table above has the better one of each run, by the test images."
    return [why, "", *markdown_table(header, rows), ""]


def _averaged(lines, measures):
    header, rows = averaged_cells(lines, measures)
    why = (
        "The weights of a row's seeds averaged (`ppocrv2 average`): one network, which took the images of all of them."
    )
    return [why, "", *markdown_table(header, rows), ""] if rows else []


def _failures(lines):
    failed = [(line, *failure) for line in lines for failure in line.failures]
    text = [f"- failed: {line.label}, seed {seed}: {problem}; see {log}" for line, seed, problem, log in failed]
    return [*text, ""] if text else []


def notes(results, deployed):
    """Sentences on how the numbers came about, and a warning where the runs of one row do not belong together."""
    runs = [run for own in results.values() for run in own]
    about = {key: ", ".join(sorted({_text(run[key]) for run in runs})) for key in ("commit", "versions", "machine")}
    seeds = ", ".join(map(str, sorted({run["seed"] for run in runs})))
    engines = ", ".join(sorted({cost["engine"] for cost in deployed.values()}))
    yield f"Commit {about['commit']}; {about['versions']}; {about['machine']}; seeds {seeds}."
    yield (
        "n: seeds; ±: standard deviation; difference: from the first row, seed by seed. Training: the trainer's loop, "
        "without start and evaluation; CPU: of the whole training process."
    )
    if engines:
        yield f"Parameters, file and ms (median, one image at a time, {engines}): of the one exported network."
    for key, own in results.items():
        if len({run["digest"] for run in own}) > 1:
            yield f"**The runs of row {key} were made with different settings; do not compare them.**"


def _text(value):
    return ", ".join(f"{name} {item}" for name, item in value.items()) if isinstance(value, dict) else value


def as_json(sections, start, measures):
    """The same as plain data."""
    return {"measures": list(measures), "start": start, "budgets": _plain(sections)}


def _plain(value):
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
