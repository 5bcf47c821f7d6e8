"""``python -m ppocrv2_ext`` is the ``ppocrv2`` command."""

from .cli import main

main()
