"""The ``ppocrv2`` command, also as ``python -m ppocrv2_ext``."""

import sys
from collections.abc import Callable

from .interrupts import STOPPED, Stopping
from .packages import explain_failed_import


def run() -> None:
    """Run the command that the user chose. Ctrl-C ends it with one line, also before the command itself begins."""
    with Stopping() as stopping:
        try:
            _import_command()()
        except KeyboardInterrupt:  # click, which looks for it too, had not begun
            print(f"ppocrv2: {STOPPED}", file=sys.stderr)
            sys.exit(130)
        finally:  # nothing is left to say of a Ctrl-C while Python puts its modules away
            stopping.leave_to_system()


def _import_command() -> Callable[[], None]:
    try:
        from .cli import main
    except ModuleNotFoundError as error:  # it was installed without what it requires
        sentence = explain_failed_import(error)
        if sentence is None:
            raise
        print(f"ppocrv2: {sentence}", file=sys.stderr)
        sys.exit(2)
    return main


if __name__ == "__main__":
    run()
