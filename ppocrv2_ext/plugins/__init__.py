"""The techniques of PP-OCRv2. Importing this package registers every component; nothing here knows PaddleOCR."""

from . import lcnet, window  # noqa: F401
from .center_loss import head, loss  # noqa: F401
from .cml import loss as cml_loss  # noqa: F401
from .copy_paste import transform  # noqa: F401
from .ctc import losses  # noqa: F401
from .direction import classifier, span, turning  # noqa: F401
from .udml import loss as udml_loss  # noqa: F401
