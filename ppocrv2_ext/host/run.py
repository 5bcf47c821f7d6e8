"""Run one of PaddleOCR's own scripts, unchanged, in this process with the plugins in place."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence

from ..errors import UserError, did_you_mean
from .encryption import answer_no
from .find import Host
from .observers import visualdl
from .plug import extend_loop
from .samples.worker_memory import keep_freed_memory
from .training.watching import ChooseObservers

EVALUATION = "tools/eval.py"


def run_script(host: Host, script: str, arguments: Sequence[str], observe: ChooseObservers | None = None) -> None:
    """Do what ``python tools/ANY.py ARGUMENTS`` does in the folder of ``host``.

    Args:
        script: path of the script in that folder, such as ``tools/train.py``.
        observe: chooses the observers of a training.
    Raises:
        UserError: there is no such script.
        SystemExit: the script ends with an exit code.
    """
    file = host.root / script
    if not file.is_file() or file.suffix != ".py":
        known = [str(path.relative_to(host.root)) for path in host.root.glob("tools/**/*.py")]
        raise UserError(f"{host.root} has no script {script!r}{did_you_mean(script, known)}")
    if script == EVALUATION:  # a training would keep more memory than PaddleOCR's needs
        keep_freed_memory()
    own_arguments = sys.argv
    sys.argv = [str(file), *arguments]
    try:
        with answer_no(), visualdl.drop_warning(), extend_loop(observe):  # the exporter asks again
            runpy.run_path(str(file), run_name="__main__")
    finally:
        sys.argv = own_arguments
