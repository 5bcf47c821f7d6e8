"""The techniques of PP-OCRv2 (arXiv:2109.03144), one folder or module each. Importing this registers every component.

- ``lcnet``: PP-LCNet, the backbone of the recognizer and of our text direction classifier
- ``cml/``: collaborative mutual learning of two detectors under a frozen teacher
- ``copy_paste/``: text of one training picture is pasted into another
- ``udml/``: unified deep mutual learning of two recognizers
- ``recognition_samples/``: what PaddleOCR's transforms do to a line of text, in a fraction of their time
- ``center_loss/``: CTC with center loss, and the head that holds the centers
- ``ctc/``: CTC losses, and the alignment of a label with the frames of its line
- ``direction/``: a classifier that says which way up a line of text is
- ``detection_samples/``: crops and windows of scenes with their maps, faster than PaddleOCR makes them, at the scale of
  evaluation
- ``distillation``: several networks in one model, some of them frozen
- ``frozen_norm``: BatchNorm that keeps its running statistics, for fine-tuning
- ``restored_norm``: BatchNorm put back into a network whose published file has it merged
- ``fast_cpu/``: layers for training on a CPU, each beside the operator of Paddle that it stands in for
- ``draws``, ``terms``, ``polygons``: what random transforms share, what losses share, and geometry
- ``compact``: fields of a sample that travel to the training as bytes

Nothing here knows PaddleOCR. :mod:`ppocrv2_ext.host` puts the components where PaddleOCR looks for them.
"""

# Python's zlib has to be loaded before Paddle 2.6, which brings another one: pyclipper cannot be imported after that.
import zlib  # noqa: F401  isort: skip

from . import lcnet  # noqa: F401
from .center_loss import head, loss  # noqa: F401
from .cml import loss as cml_loss  # noqa: F401
from .copy_paste import transform  # noqa: F401
from .ctc import losses  # noqa: F401
from .detection_samples import border_map, normalise, scene_crop, scene_window, shrink_map, text_window, visible_text  # noqa: F401
from .direction import classifier, span, turning  # noqa: F401
from .recognition_samples import augment, encode, resize  # noqa: F401
from .udml import loss as udml_loss  # noqa: F401
