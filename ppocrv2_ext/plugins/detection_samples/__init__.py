"""Training samples of a detector, made in a fraction of the time that PaddleOCR's own transforms take.

- ``pose``, ``crop``, ``warp``: mirror, turn, scale and crop a scene by one warp of the pixels that are kept
- ``outlines``, ``border_map``, ``shrink_map``: the four targets of the loss, made only where text is
- ``border_kernel``: the loop of the border map, compiled by numba, which is optional
- ``normalise``: pixels to the numbers that the network gets, colour by colour
- ``scene_crop``, ``scene_window``, ``text_window``: the random transforms
- ``window``: where a window lies, and its pixels; ``visible_text``: the text that a picture still shows

Each transform draws from the same distribution as the PaddleOCR transforms that it stands in for. The maps are equal to
PaddleOCR's for the same outlines.
"""
