"""Which processors get the variable that makes matrix products fast."""

import os

import pytest

from ppocrv2_ext.plugins.fast_cpu import processor

AMD, INTEL = "vendor_id : AuthenticAMD\nflags : fma sse2 avx2\n", "vendor_id : GenuineIntel\nflags : fma sse2 avx2\n"
OLD_AMD = "vendor_id : AuthenticAMD\nflags : sse2 avx\n"


@pytest.fixture
def variable_after(tmp_path, monkeypatch):
    """From the text of /proc/cpuinfo and the user's value to the value afterwards."""

    def run(text, value=None):
        file = tmp_path / "cpuinfo"
        if text is not None:
            file.write_text(text)
        monkeypatch.setattr(processor, "PROCESSORS", file)
        environment = {} if value is None else {"MKL_DEBUG_CPU_TYPE": value}
        monkeypatch.setattr(os, "environ", environment)
        processor.prefer_fast_products()
        return environment.get("MKL_DEBUG_CPU_TYPE")

    return run


def test_an_amd_cpu_with_the_instructions_gets_it(variable_after):
    assert variable_after(AMD) == "5"


@pytest.mark.parametrize("text", [INTEL, OLD_AMD, None], ids=["Intel", "no AVX2", "no Linux"])
def test_other_processors_do_not(text, variable_after):
    assert variable_after(text) is None


def test_the_users_own_value_stays(variable_after):
    assert variable_after(AMD, "0") == "0"
