"""Networks that PaddleOCR builds: their options, their weights, and the frames that they make of a line.

- ``network_options``: the options of a network that PaddleOCR does not know. Two have modules of their own:
- ``merging``, ``frames_by_width``: merged training branches, and frames that follow the width of the image
- ``collaborative_model``, ``best_network``: a model of several networks, and its metric
- ``save_load``: loads weights, with a report of what was loaded
- ``trained_network``: a trained network for a command, and its device
- ``frame_count``: how many frames the recognizer of a config makes of a line
- ``shapes_only``: a network that is built and run for its shapes alone, in a fraction of the time
- ``frame_maxima``: the decoder of CTC, which reads each frame once
"""
