"""The ``ppocrv2`` command as ``python -m ppocrv2_ext``."""

from .cli import main

main()
