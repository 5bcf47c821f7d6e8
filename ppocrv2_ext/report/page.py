"""The report of a training: one HTML file that needs no other file, no script and no network."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..files import PathLike, atomic_write
from .curves import COLOURS, Curve, draw_chart, format_number
from .history import End, Evaluation, History
from .samples import LineSamples, SceneSamples
from .templates import render

FILE_NAME = "report.html"
CONFUSIONS_SHOWN = 24
NO_SHARES = ("fps",)  # values of an evaluation that are no share of the samples


class Samples(NamedTuple):
    """The samples of an evaluation."""

    step: int
    network: str | None  # which of several networks; None for a single one
    samples: LineSamples | SceneSamples


class Subject(NamedTuple):
    """What the report is about: what does not change while the training goes on."""

    title: str
    folder: str  # output folder
    config: str  # as YAML
    indicator: str  # the metric that decides, such as acc
    networks: Sequence[str]  # names of Architecture.Models; empty for a single network
    main_network: str  # what the values without a name of a network belong to


class Chart(NamedTuple):
    """A chart with its title, and the names and colours of its curves."""

    title: str
    svg: str
    legend: Sequence[tuple[str, str]] = ()


def write_page(file: PathLike, subject: Subject, history: History, samples: Samples | None) -> None:
    """Write the report.

    Args:
        samples: of the best evaluation; None before the first.
    Raises:
        UserError: the file cannot be written.
    """
    with atomic_write(file) as part:
        part.write_text(render_page(subject, history, samples), encoding="utf-8")


def render_page(subject: Subject, history: History, samples: Samples | None) -> str:
    """The report as HTML."""
    best = find_best(history.evaluations)
    shown = samples.samples if samples else None
    return render(
        "page.html",
        subject=subject,
        runs=history.runs,
        run_facts=list_run_facts(subject, history),
        end=history.end or End(history.step, history.seconds, "running", "The training had not ended by this report."),
        best=best,
        facts=list_facts(history),
        warnings=list_warnings(history),
        metric_chart=chart_metric(subject, history, best),
        metric_table=tabulate_metrics(subject, history.evaluations, best),
        charts=chart_losses(history, best),
        evaluation=_describe_evaluation(samples),
        lines=shown if isinstance(shown, LineSamples) else None,
        scenes=shown if isinstance(shown, SceneSamples) else None,
        confusions_shown=CONFUSIONS_SHOWN,
        format_metric=format_metric,
        now=datetime.datetime.now().strftime("%Y-%m-%d %H:%M"),
    )


def find_best(evaluations: Sequence[Evaluation]) -> Evaluation | None:
    """The best evaluation; of several that are equal, the last."""
    return next((each for each in reversed(evaluations) if each.best), None)


def list_facts(history: History) -> list[tuple[str, str]]:
    """(name, value) pairs about the whole training."""
    facts = [("Time of training", format_duration(history.seconds)), ("Steps", f"{history.step:,}")]
    epochs = [event.epoch for event in history.steps[-1:]] + [event.epoch for event in history.epochs[-1:]]
    if epochs:
        facts.append(("Epochs", str(max(epochs))))
    if history.steps:
        speeds = sorted(event.speed for event in history.steps)
        facts.append(("Samples a second", format_number(speeds[len(speeds) // 2])))
    if history.epochs:
        facts.append(("Waiting for data", f"{history.epochs[-1].waiting:.0%}"))
    facts.append(("Evaluations", str(len(history.evaluations))))
    if len(history.runs) > 1:
        steps = ", ".join(f"{run.step:,}" for run in history.runs[1:])
        facts.append(("Runs", f"{len(history.runs)}, resumed at {steps}"))
    return facts


def list_run_facts(subject: Subject, history: History) -> list[tuple[str, str]]:
    """(name, value) pairs about where and with what the training ran."""
    if not history.runs:
        return []
    run = history.runs[-1]
    commit = [("Commit", run.commit)] if run.commit else []
    begun = ("Begun", history.runs[0].time)
    return [begun, ("Device", run.device), *run.versions.items(), *commit, ("Output folder", subject.folder)]


def _describe_evaluation(samples: Samples | None) -> str:
    if samples is None:
        return ""
    return f"the evaluation at step {samples.step:,}" + (f", {samples.network}" if samples.network else "")


def list_warnings(history: History) -> list[str]:
    """What a reader should know before trusting the numbers: each sentence once."""
    warnings = [warning for run in history.runs for warning in run.warnings]
    advice = [event.advice for event in history.epochs if event.advice]
    if advice:
        warnings.append(f"{advice[-1]} So it was in {len(advice)} of {len(history.epochs)} epochs.")
    if not history.evaluations:
        warnings.append("There was no evaluation, so nothing is known about unseen data. Lower Global.eval_batch_step.")
    return list(dict.fromkeys(warnings))


def split_by_network(
    metrics: Mapping[str, float], networks: Sequence[str], main_network: str
) -> dict[str, dict[str, float]]:
    """{network: {value: number}} of the values of one evaluation, which are called ``value`` or ``network_value``."""
    split: dict[str, dict[str, float]] = {}
    for key, value in metrics.items():
        # Student2_acc begins with the longer of two names, Student and Student2.
        owners = [name for name in networks if key.startswith(f"{name}_")]
        owner = max(owners, key=len, default=None)
        name = main_network if owner is None else owner
        split.setdefault(name, {})[key if owner is None else key[len(owner) + 1 :]] = value
    return split


def chart_metric(subject: Subject, history: History, best: Evaluation | None) -> Chart:
    """The main indicator of each network over the evaluations."""
    points: dict[str, list[tuple[float, float]]] = {}
    for evaluation in history.evaluations:
        for name, values in split_by_network(evaluation.metrics, subject.networks, subject.main_network).items():
            if subject.indicator in values:
                points.setdefault(name, []).append((evaluation.step, values[subject.indicator]))
    curves = [Curve(name, each) for name, each in points.items()]
    svg = draw_chart(curves, f"{subject.indicator} over the steps", best.step if best else None, percent=True)
    return Chart(subject.indicator, svg, list(zip(points, itertools.cycle(COLOURS))))


def tabulate_metrics(subject: Subject, evaluations: Sequence[Evaluation], best: Evaluation | None) -> list[list[str]]:
    """Rows of text: a head, then every network with its values at the best and at the last evaluation.

    A single network is not named.
    """
    if not evaluations or best is None:
        return []
    rows = [["network", "value", f"best, step {best.step:,}", f"last, step {evaluations[-1].step:,}"]]
    last = split_by_network(evaluations[-1].metrics, subject.networks, subject.main_network)
    for name, values in split_by_network(best.metrics, subject.networks, subject.main_network).items():
        for key, value in values.items():
            then = last.get(name, {}).get(key)
            rows.append([name, key, *("" if each is None else format_metric(key, each) for each in (value, then))])
    return rows if subject.networks else [row[1:] for row in rows]


def chart_losses(history: History, best: Evaluation | None) -> list[Chart]:
    """A chart of each term of the loss, the sum first, and one of the learning rate."""
    terms: dict[str, list[tuple[float, float]]] = {"loss": []}
    for event in history.steps:
        for term, value in event.terms.items():
            terms.setdefault(term, []).append((event.step, value))
    marked = best.step if best else None
    # A term that has never been anything but 0 says nothing.
    charts = [
        Chart(term, draw_chart([Curve(term, points)], f"{term} over the steps", marked, logarithmic=True))
        for term, points in terms.items()
        if any(value for _, value in points)
    ]
    rate = Curve("learning rate", [(event.step, event.rate) for event in history.steps])
    charts.append(Chart("learning rate", draw_chart([rate], "learning rate over the steps", marked)))
    return [chart for chart in charts if chart.svg]


def format_metric(key: str, value: float) -> str:
    """A share as a percentage, any other value as a number."""
    return format_number(value) if key in NO_SHARES or not 0 <= value <= 1 else f"{100 * value:.2f}%"


def format_duration(seconds: float) -> str:
    """ "3 h 05 min", "4 min 10 s" or "12 s"."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
