"""Fast kernels for training on a CPU. Each stands beside Paddle's operator and computes the same.

===============  ===============================================================================================
``layers``       gives the fast convolutions to the layers of a model
``depthwise``    depthwise convolution
``dense``        other convolutions with a window, and transposed ones
``enlarge``      repeated pixels
``norm``         BatchNorm and hardswish in one pass
``ctc``          CTC over thousands of classes
``paths``        the most likely path of a label, for its alignment with a line
``maps``         the losses of a detector's maps
``..._kernels``  the loops of ``depthwise``, ``norm``, ``paths`` and ``maps``, which numba compiles
``compilation``  how it compiles them
``memory``       when a kernel may be used, how it reads Paddle's memory, and how it is shared out over threads
``processor``    what the library of matrix products should know about the CPU
===============  ===============================================================================================

``depthwise``, ``norm`` and ``maps`` need numba (``pip install '.[fast]'`` in a clone of this repository), the others
NumPy alone. On a GPU, in half precision and in static graphs Paddle's operators run.
"""
