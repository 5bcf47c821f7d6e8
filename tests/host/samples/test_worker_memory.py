"""Processes that load data keep the memory that they free."""

import subprocess
import sys

import pytest

from ppocrv2_ext.host.samples import worker_memory

SCRIPT = """
import resource, runpy, sys
import numpy as np

def count_faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [np.full((64, 1024, 1024), 1, np.uint8) for _ in range(2)]
    del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "keep":
    assert runpy.run_path(sys.argv[2])["keep_freed_memory"]()
count_faults()
print(count_faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc can be asked to keep memory")
def test_memory_that_was_freed_is_used_again_without_new_pages():
    def count(how):
        command = [sys.executable, "-c", SCRIPT, how, worker_memory.__file__]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert count("keep") < count("default")
