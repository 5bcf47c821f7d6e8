"""Observers of a training: they are told what happens in its loop by :mod:`.training.watching`.

- ``choosing``: which observers a training has
- ``recording``: writes history and report
- ``evaluated_samples``: the samples in the report
- ``stopping``: ends a training early, or by a budget of time
- ``progress``: the progress bar
- ``visualdl``: curves for VisualDL
"""
