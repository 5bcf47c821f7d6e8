"""What keeps the logarithms of maps finite, in the formulas and in the kernels."""

from __future__ import annotations

# The smallest probability inside a logarithm: half the gap below 1 in float32. Of the numbers near 1 only 1 itself is
# clamped. A sure mistake costs 17.3 nats and gets no gradient; its sigmoid would have none to pass on.
MIN_PROBABILITY = 2.0**-25
STOCK_EPS = 1e-5  # PaddleOCR adds it inside and outside of the quotient: against 0 / 0 and against log 0
