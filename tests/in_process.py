"""The command in the process of the tests, which spares the seconds that another process takes to import Paddle."""

import contextlib
import io
import logging
import os
import random
import subprocess
import sys
from unittest import mock

import numpy as np


class Kept(io.BytesIO):
    """Keeps what is written. What is written to its descriptor goes to that of the tests: the sentences of signals."""

    def fileno(self):
        return 2


def run_here(*arguments, cwd):
    """Run the command with the PaddleOCR wheel in the folder ``cwd``. Returns what ``subprocess.run`` returns of it.

    What Paddle prints without Python is not in it.
    """
    import paddle

    from ppocrv2_ext.cli import main
    from ppocrv2_ext.host import connect

    arguments = ["ppocrv2", *map(str, arguments)]
    said, errors = (io.TextIOWrapper(Kept(), encoding="utf-8", write_through=True) for _ in range(2))
    connect()
    from ppocr.utils.logging import get_logger

    get_logger()  # PaddleOCR makes it once in a process
    random.seed()  # nothing may depend on what was drawn in this process before
    np.random.seed()
    with contextlib.ExitStack() as around:
        around.enter_context(mock.patch.object(sys, "argv", arguments))
        around.enter_context(contextlib.redirect_stdout(said))
        around.enter_context(contextlib.redirect_stderr(errors))
        around.enter_context(_log_to(said))
        around.enter_context(paddle.utils.unique_name.guard())  # optimizers call weights by these names
        around.callback(os.chdir, os.getcwd())
        os.chdir(cwd)
        try:
            main()
        except SystemExit as end:
            code = end.code
    if code == 130:
        raise KeyboardInterrupt  # nobody but the user of the tests sends it
    words = (stream.buffer.getvalue().decode("utf-8") for stream in (said, errors))
    return subprocess.CompletedProcess(arguments, code, *words)


@contextlib.contextmanager
def _log_to(stream):
    """Let PaddleOCR log to a stream as in a new process, and not to files of earlier trainings in this one."""
    logger = logging.getLogger("ppocr")
    before, level = list(logger.handlers), logger.level
    terminals = [handler for handler in before if type(handler) is logging.StreamHandler]  # pytest has others
    streams = [handler.setStream(stream) for handler in terminals]
    logger.handlers = [handler for handler in before if not isinstance(handler, logging.FileHandler)]
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        for handler in set(logger.handlers) - set(before):
            handler.close()
        for handler, old in zip(terminals, streams):
            handler.setStream(old)
        logger.handlers = before
        logger.setLevel(level)
