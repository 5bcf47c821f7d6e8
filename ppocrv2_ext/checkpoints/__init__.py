"""Files of weights: where they are, what is in them, and how a network starts from one.

- ``paths``: the names of ``.pdparams`` files, and the dictionary beside one. Needs no Paddle.
- ``pdparams``: reads and writes weights. ``states`` reads what a training recorded beside them.
- ``loading``: loads weights into a network, and reports which of its parameters the file holds.
- ``character_rows``: moves the rows of a recognizer's last layer when its dictionary changes.
- ``official``: the published PP-OCRv2 files. ``inference_graph`` turns the tensors of one into parameters.
- ``average``: the mean of several trainings. ``centers_file``: class centers as an ``.npz`` file, without Paddle.
"""
