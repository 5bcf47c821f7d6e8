"""The ``ppocrv2`` command, also as ``python -m ppocrv2_ext``."""

import sys

from .interrupts import Stopping
from .packages import explain_failed_import


def run() -> None:
    """Run the command that the user chose. Ctrl-C ends it with one line while its parts are still being imported."""
    with Stopping() as stopping:
        try:
            from .cli import main
        except ModuleNotFoundError as error:  # it was installed without what it requires
            sentence = explain_failed_import(error)
            if sentence is None:
                raise
            print(f"ppocrv2: {sentence}", file=sys.stderr)
            sys.exit(2)
        try:
            main()
        finally:  # nothing is left to say of a Ctrl-C while Python puts its modules away
            stopping.leave_to_system()


if __name__ == "__main__":
    run()
