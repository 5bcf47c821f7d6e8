"""Cut lines of text out of a picture, turn those that are upside down, and read them.

The results equal those of PaddleOCR's tools/infer/predict_cls.py and, for lines that fit the recognizer's width, of
predict_rec.py with one line in a batch. A longer line gets an empty end of fixed width. In PaddleOCR its end depends on
the other lines: the longest line of a batch sets the width.

Pictures and lines are (H, W, 3) uint8 BGR. B batch, T frames, C classes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

import cv2
import numpy as np

from ..data.images import UPRIGHT_RATIO
from ..data.large_pictures import MOST_WARPED, cut_surroundings
from ..data.line_pixels import resize_line
from ..data.transforms import DIRECTIONS
from ..errors import UserError
from .decoding import decode
from .engine import Engine, require_rank
from .pictures import LONGEST_RATIO
from .settings import LineSettings

TURN_SCORE = 0.9  # the least probability of the class "180" for which a line is turned (cls_thresh)
# Pixels. Of 516 long lines of receipts, the official recognizer reads 0.603 right without an empty end, 0.618 with 32
# pixels, 0.626 with 64. It was trained on lines that mostly have one.
EMPTY_END = 64
LEAST_ALONE = 2048  # pixels; a line that is read at more takes memory enough to run alone
MARGIN = 4  # pixels around a box; a cubic warp looks two pixels further
BATCH_SIZE = 4  # lines; more gain nothing on a CPU, and take memory

Map = Callable[[Callable, Iterable], Iterator]  # such as the built-in map, or that of a pool of threads


def measure_box(box: np.ndarray) -> tuple[int, int]:
    """(width, height) of the line in a box, whole pixels, at least 1.

    Args:
        box: (4, 2) float32, clockwise from the upper left corner.
    """
    top, right, bottom, left = np.linalg.norm(box - np.roll(box, -1, axis=0), axis=1)
    return max(1, int(max(top, bottom))), max(1, int(max(left, right)))


def is_upright(box: np.ndarray) -> bool:
    """Whether the line in a box is written upwards or downwards."""
    width, height = measure_box(box)
    return height / width >= UPRIGHT_RATIO


def is_squeezed(box: np.ndarray) -> bool:
    """Whether the line in a box is too long to be read at the width it needs, as :func:`reading_width` says."""
    short, long = sorted(measure_box(box))
    return long > LONGEST_RATIO * short


def cut_line(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The line in a box, straightened by one perspective warp, and turned by a quarter if it is upright.

    It does what get_rotate_crop_image in PaddleOCR's tools/infer/utility.py does. If the picture is too large for
    OpenCV, the surroundings of the box are warped, and a line that is still too long gets MOST_WARPED pixels.

    Args:
        image: the picture.
        box: (4, 2) float32, clockwise from the upper left corner.
    """
    if max(image.shape[:2]) > MOST_WARPED:
        image, corner, scale = cut_surroundings(image, box.astype(np.float64), MARGIN)
        box = ((box - corner) * scale).astype(np.float32)
    width, height = measure_box(box)
    target = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    warp = cv2.getPerspectiveTransform(np.ascontiguousarray(box, np.float32), target)
    line = cv2.warpPerspective(image, warp, (width, height), borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_CUBIC)
    return np.ascontiguousarray(np.rot90(line)) if is_upright(box) else line


def begin_at_text(box: np.ndarray, turned: bool) -> np.ndarray:
    """The corners of a box clockwise from the one at which its text begins.

    Args:
        box: (4, 2), clockwise from the upper left corner.
        turned: whether the line that was cut out is upside down.
    """
    return np.roll(box, 2 * turned - is_upright(box), axis=0)


def reading_width(line: np.ndarray, height: int, least: int, empty_end: int = EMPTY_END) -> int:
    """The width at which a line is read, pixels: ``least``, or for a longer line all it needs and ``empty_end``.

    A line that is more than LONGEST_RATIO times as wide as high is squeezed to that.

    Args:
        line: (h, w, 3).
        height: that the line is resized to, pixels.
    """
    needed = min(int(height * line.shape[1] / line.shape[0]), LONGEST_RATIO * height)
    return needed + empty_end if needed > least else least


def plan_batches(widths: Sequence[int], size: int = BATCH_SIZE) -> list[list[int]]:
    """Which lines run together: lines of one width, so nothing is padded, at most ``size`` of them, the longest first.

    A line of more than LEAST_ALONE pixels runs alone.

    Returns:
        Lists of positions in ``widths``; each position is in one of them.
    """
    groups = defaultdict(list)
    for position, width in enumerate(widths):
        groups[width].append(position)
    batches = []
    for width in sorted(groups, reverse=True):
        step = size if width <= LEAST_ALONE else 1
        batches += [groups[width][start : start + step] for start in range(0, len(groups[width]), step)]
    return batches


def classify(inputs: np.ndarray, engine: Engine) -> np.ndarray:
    """The probabilities of DIRECTIONS, (B, 2).

    Args:
        inputs: lines as :func:`~ppocrv2_ext.data.line_pixels.resize_line` returns them, (B, 3, H, W).
        engine: that runs a classifier.
    Raises:
        UserError: the model is no classifier.
    """
    return require_rank(engine(inputs), 2, "classifier", "(lines, directions)", len(DIRECTIONS))


def find_turned(lines: Sequence[np.ndarray], engine: Engine, settings: LineSettings, run: Map = map) -> list[bool]:
    """Whether each line is upside down.

    Args:
        engine: from lines (B, 3, H, W) to probabilities (B, 2) of upright and turned.
        settings: of the classifier.
        run: how the batches are run; a pool's map runs several at once.
    Raises:
        UserError: the model is no classifier.
    """

    def look(batch: list[int]) -> np.ndarray:
        return classify(np.stack([resize_line(lines[i], settings.height, settings.width) for i in batch]), engine)

    batches = plan_batches([settings.width] * len(lines))
    turned = [False] * len(lines)
    for batch, probabilities in zip(batches, run(look, batches)):
        for position, row in zip(batch, probabilities):
            turned[position] = bool(row.argmax() == 1 and row[1] > TURN_SCORE)
    return turned


def read_texts(
    lines: Sequence[np.ndarray],
    engine: Engine,
    settings: LineSettings,
    run: Map = map,
    empty_end: int = EMPTY_END,
    batch_size: int = BATCH_SIZE,
) -> list[tuple[str, float]]:
    """The text of each line, and the mean probability of its characters; 0 for no text.

    Args:
        engine: from lines (B, 3, H, W) to probabilities (B, T, C).
        settings: of the recognizer.
        run: how the batches are run; a pool's map runs several at once.
        empty_end: pixels that a long line gets at its end, before it is read.
        batch_size: the most lines that run together.
    Raises:
        UserError: the model is no recognizer, or the dictionary does not fit it.
    """
    if settings.dictionary is None:
        raise UserError("the recognizer has no dictionary; export it again.")
    dictionary = settings.dictionary
    widths = [reading_width(line, settings.height, settings.width, empty_end) for line in lines]

    def read(batch: list[int]) -> list[tuple[str, float]]:
        inputs = np.stack([resize_line(lines[i], settings.height, widths[i]) for i in batch])
        return decode(engine(inputs), dictionary)

    batches = plan_batches(widths, batch_size)
    texts = [("", 0.0)] * len(lines)
    for batch, readings in zip(batches, run(read, batches)):
        for position, reading in zip(batch, readings):
            texts[position] = reading
    return texts
