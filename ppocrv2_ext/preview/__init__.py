"""Pictures of training samples as the network gets them. No host is needed here: samples are drawn by ``host``.

- ``training_samples``: what is shown of a scene or a line. ``costs``: what each transform took, as a table.
- ``tiles``: a picture of one sample. ``sheet``: the tiles of many on one page, with a legend.
- ``colours`` and ``fonts``: what they are drawn with.
"""
