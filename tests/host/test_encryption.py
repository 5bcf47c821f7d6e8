"""Nobody is told that a module of AI Studio is missing, and a module that is there is used."""

import os
import subprocess
import sys

import pytest

from ppocrv2_ext.host.encryption import NAME, answer_no
from ppocrv2_ext.host.find import Host
from ppocrv2_ext.host.run import run_script


@pytest.mark.parametrize("kind", ["wheel", pytest.param("checkout", marks=pytest.mark.checkout)])
def test_connecting_to_paddleocr_says_nothing(kind, tmp_path, request):
    folder = str(request.getfixturevalue("checkout")) if kind == "checkout" else ""
    command = [sys.executable, "-c", "from ppocrv2_ext.host import connect; print(connect().kind)"]
    environment = {**os.environ, "PADDLEOCR_HOME": folder, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout == f"{kind}\n", done.stderr


def test_a_script_of_paddleocr_learns_that_nothing_is_encrypted(wheel, tmp_path):
    script = tmp_path / "tools" / "ask.py"
    script.parent.mkdir()
    script.write_text("import encryption; raise SystemExit(repr(encryption.is_encryption_needed()))")
    with pytest.raises(SystemExit, match="False"):
        run_script(Host("checkout", tmp_path, "", ()), "tools/ask.py", [])
    assert NAME not in sys.modules


def test_a_module_that_is_installed_is_the_one_that_is_asked(tmp_path, monkeypatch):
    (tmp_path / f"{NAME}.py").write_text("def is_encryption_needed():\n    return True\n")
    monkeypatch.syspath_prepend(tmp_path)
    with answer_no():
        import encryption

        monkeypatch.delitem(sys.modules, NAME)
        assert encryption.is_encryption_needed()
