"""Observers of a training: they are told what happens in its loop by :mod:`.training.watching`.

- ``choosing``: which observers a training has
- ``recording``: writes history and report
- ``evaluated_samples``: the samples in the report
- ``early_stopping``: ends a training that gets no better
- ``budget``: ends a training when its time is spent
- ``progress``: the progress bar
- ``visualdl``: curves for VisualDL
"""
