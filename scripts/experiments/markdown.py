"""Tables for Markdown."""

import statistics


def markdown_table(header, rows):
    """Lines of a Markdown table of strings: names in the first column, numbers in the others."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return [f"| {' | '.join(row)} |" for row in (header, rule, *rows)]


def mean_and_spread(values):
    """ "mean ± standard deviation" of a sample, the mean alone for a single value."""
    values = list(values)
    deviation = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.3f}{deviation}"
