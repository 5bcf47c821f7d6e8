"""Data sets of PaddleOCR: label files and images, read and checked before training reads them.

- ``dictionary``: the characters that a recognizer tells apart.
- ``label_files``: the lines of a label file. ``labels``, ``box_checks``, ``images``: what is wrong with a label, with
  the outline of a box, with an image file.
- ``encoding``: how a text file is encoded. ``characters``: characters as a sentence shows them.
- ``reasons``: the table of everything that can be wrong, and what is then done.
- ``sources``: where a data set reads from: label files or ``lmdbs``. ``batches``: how many of its samples are used, and
  whether they fill a batch.
- ``transforms``: what each transform is, and stands for; the one table of it. ``sample_keys``: the keys of a sample
  that transforms, losses and configs have to agree on.
- ``label_rules``: which check the labels of a data set get.
- ``line_shapes``: the shapes of the lines that a data set hands to a network. ``line_frames``: how many frames it
  makes of them. ``line_pixels``: a line as the input of a network.
- ``large_pictures``: the parts of pictures that OpenCV cannot warp as a whole.
- ``check``: looks at every sample of a config's data sets. ``findings``: what it found.
- ``advice``: what to do about a finding. ``check_report``: the findings as tables and as JSON.
- ``matching``: which boxes of a detector match labelled ones.
- ``clean``: writes label files without what is broken. ``splitting``: a label file in two, to learn and to validate.
"""
