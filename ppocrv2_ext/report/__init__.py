"""What a training leaves for people to read. No host and no Paddle is needed here.

- ``history``: what happened, as lines of JSON in the output folder.
- ``curves``: charts as SVG. ``confusions``: which characters are taken for which.
- ``samples``: samples of an evaluation, right and wrong, with their pictures.
- ``waiting``: how long a training waits for its data, and what to do about it.
- ``page``: all of it in one HTML file. ``comparison``: two recognizers on the same lines, likewise.
- ``templates``: how the HTML files of this folder become pages; ``base.html`` and ``style.css`` are in each.
"""
