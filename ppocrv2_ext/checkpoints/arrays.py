"""Parameters as NumPy arrays."""

import numpy as np


def as_array(value):
    """ndarray of an ndarray or a Tensor; of bfloat16, which NumPy lacks, as float32."""
    if isinstance(value, np.ndarray):
        return value
    return (value.astype("float32") if "bfloat16" in str(value.dtype) else value).numpy()
