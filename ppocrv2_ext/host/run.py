"""Run one of PaddleOCR's own scripts, unchanged, in this process with the plugins in place."""

import logging
import runpy
import sys

from ..errors import UserError, did_you_mean


def run_script(host, script, arguments):
    """Run ``tools/ANY.py`` of ``host`` as ``python tools/ANY.py ARGUMENTS`` does; its exit code comes as SystemExit.

    Raises:
        UserError: the host has no such script.
    """
    file = host.root / script
    if not file.is_file() or file.suffix != ".py":
        known = [str(path.relative_to(host.root)) for path in host.root.glob("tools/**/*.py")]
        raise UserError(f"{host.root} has no script {script!r}{did_you_mean(script, known)}")
    before = sys.argv
    sys.argv = [str(file), *arguments]
    try:
        runpy.run_path(str(file), run_name="__main__")
    finally:
        sys.argv = before


def log_to(file):
    """Let PaddleOCR's log go to ``file`` too, as its trainer means it to.

    PaddleOCR 2.10 logs a warning while it is imported; its logger is set up by then, and the log file never opened.
    """
    from ppocr.utils.logging import logger_initialized

    logger = logging.getLogger("ppocr")
    if logger.name in logger_initialized:
        handler = logging.FileHandler(file, "a", encoding="utf-8")
        handler.setFormatter(logger.handlers[0].formatter)
        logger.addHandler(handler)
