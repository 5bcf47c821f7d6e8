"""Fast layers for training on a CPU. Each stands beside Paddle's operator and computes the same.

The losses for a CPU stand with their subjects: ``ctc/cpu_loss``, ``ctc/cpu_paths`` and ``cml/cpu_maps``.

===============  ===============================================================================================
``layers``       gives the fast convolutions to the layers of a model
``depthwise``    depthwise convolution
``dense``        other convolutions with a window, and transposed ones
``enlarge``      repeated pixels
``norm``         BatchNorm and hardswish in one pass
``..._kernels``  the loops of ``depthwise`` and ``norm``, which numba compiles
``compilation``  how it compiles them
``memory``       when a kernel may be used, how it reads Paddle's memory, and how it is shared out over threads
``processor``    what the library of matrix products should know about the CPU
===============  ===============================================================================================

``depthwise`` and ``norm`` need numba (``pip install '.[fast]'`` in a clone of this repository), the others
NumPy alone. On a GPU, in half precision and in static graphs Paddle's operators run.
"""
