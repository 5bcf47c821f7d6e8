"""The ablation of the paper on your own data: rows x seeds under one budget, with the paper's column beside ours.

:mod:`.paper` has the rows, :mod:`.trials` makes a run of a row, a seed and a budget, :mod:`.run_one` trains and
evaluates it, :mod:`.run_all` does so for all of them, :mod:`.results` reads what they wrote, :mod:`.report` tells it.
"""
