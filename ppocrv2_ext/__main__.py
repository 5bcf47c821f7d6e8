"""The ``ppocrv2`` command, also as ``python -m ppocrv2_ext``."""

from .interrupts import Stopping


def run() -> None:
    """Run the command that the user chose. Ctrl-C ends it with one line while its parts are still being imported."""
    with Stopping() as stopping:
        from .cli import main

        try:
            main()
        finally:  # nothing is left to say of a Ctrl-C while Python puts its modules away
            stopping.leave_to_system()


if __name__ == "__main__":
    run()
