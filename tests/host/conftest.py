"""Fixtures of this room's tests."""

import pytest
from drawn_words import draw_words


@pytest.fixture
def words(tmp_path):
    """Overrides for a short training of ``rec/ch_PP-OCRv2_rec_udml_center`` on drawn words in ``tmp_path``."""
    return draw_words(tmp_path)
