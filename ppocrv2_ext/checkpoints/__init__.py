"""Files of weights: where they are, what is in them, and how a network starts from one.

- ``paths``: the names of ``.pdparams`` files, and the dictionary beside one. Needs no Paddle.
- ``pdparams``: reads and writes weights. ``states`` reads what a training recorded beside them. Both read with
  ``pickles``, which runs nothing that a file names.
- ``records``: what a checkpoint says of itself: where its training was, and whether its files are as they were saved.
- ``sets``: saves the files of a checkpoint all together or not at all, and finds the one to go on from.
- ``loading``: loads weights into a network, and reports which of its parameters the file holds.
- ``multi_head``, ``norm_merging``: give the tensors of a file the names and the form that a network has.
- ``character_rows``: moves the rows of a recognizer's last layer when its dictionary changes.
- ``published``: the published files, of PP-OCRv2, v4, v5 and v6. ``inference_graph`` turns the tensors of one into
  parameters. ``pplcnet``: the ImageNet weights of PaddleClas.
- ``onnx_files``: reads ONNX files, and lists what numbers they store.
- ``average``: the mean of several trainings. ``centers_file``: class centers as an ``.npz`` file, without Paddle.
"""
