"""The seeds of a row in one network: their weights averaged, and read on the test images."""

from . import runs

FILE, WEIGHTS, LOG = "averaged.json", "averaged", "averaged.txt"  # of a row


def is_of(known, results):
    """Whether ``known``, the content of a row's FILE or None, was made of these runs."""
    return bool(known) and (known["digest"], known["seeds"]) == (results[0]["digest"], _seeds(results))


def measure(folder, results, task, settled, processes):
    """Average the runs of a row, evaluate them, and write FILE.

    Args:
        folder: of the row.
        results: of its runs, in the order of their seeds.
        task: Task.
        settled: the row's config.
        processes: Processes.
    Raises:
        CommandError: they could not be averaged or evaluated.
    """
    log, seeds = folder / LOG, _seeds(results)
    log.unlink(missing_ok=True)
    trained = [folder / f"seed{seed}" / "latest" for seed in seeds]
    processes.run(["average", *trained, "--output", folder / WEIGHTS], log)
    networks = runs.evaluate(folder / f"seed{seeds[0]}" / "config.yml", folder / WEIGHTS, task, settled, processes, log)
    runs.write_json(folder / FILE, {"digest": results[0]["digest"], "seeds": seeds, "networks": networks})


def _seeds(results):
    return [run["seed"] for run in results]
