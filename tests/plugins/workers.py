"""Two epochs of a data set by two worker processes, for transforms that draw at random."""

import numpy as np
import paddle


def load_two_epochs(make_dataset, batch_size):
    """The numbers of each batch, under one seed of NumPy's global generator."""
    np.random.seed(0)
    loader = paddle.io.DataLoader(
        make_dataset(), batch_size=batch_size, num_workers=2, use_shared_memory=False, places="cpu"
    )
    return [tuple(batch.numpy().ravel().tolist()) for _ in range(2) for batch in loader]
