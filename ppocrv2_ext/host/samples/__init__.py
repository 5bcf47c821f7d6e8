"""Samples that PaddleOCR makes of files, and batches of them.

For every training and evaluation:

- ``datasets``, ``lmdb_datasets``: name what they cannot read
- ``loader``: brings that to the training, beside the batches
- ``late_decoding``: what Copy-Paste takes from another picture is decoded when it is needed
- ``generators``: what transforms draw random numbers from
- ``steps``: the samples and the random draws of a step depend on its place in the training alone
- ``scene_size``: a limit to the size of the pictures that a detector is evaluated on
- ``worker_memory``: processes that load data keep the memory that they free

For commands:

- ``transform_check``: do the transforms work on a picture without faults?
- ``training_lines``: the lines of a training set, each once
- ``draw_samples``: training samples for the preview. ``stopwatches``: what each transform costs
"""
