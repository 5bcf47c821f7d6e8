"""The pictures that paths stand for: images, the pages of PDF and TIFF files, and all of them in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from ..errors import UserError, reason_of
from ..files import PathLike, has_folder, is_there, open_regular
from .pictures import load_image, pillow_errors, to_bgr, to_pixels

IMAGE_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}  # looked for in a folder
PDF_RESOLUTION = 200  # dots per inch at which a page is drawn
POINTS_PER_INCH = 72  # the unit of PDF
# Pillow counts as frames of these formats what is no picture to read: previews or second views, and layers.
WITHOUT_FRAMES = ("MPO", "PSD")
LARGEST_PAGE = 14400  # points of a side of a page that readers of PDF show
LARGEST_PIXELS = 10**8  # of a drawn page; a larger page is drawn at less than PDF_RESOLUTION


class Picture(NamedTuple):
    """One picture to read, or why there is none."""

    path: Path
    page: int  # from 1 on
    pages: int  # of the file
    pixels: np.ndarray | None  # (H, W, 3) uint8 BGR
    problem: str | None = None  # one sentence without the path
    frames: int = 1  # of an animation, of which this is the first
    points: tuple[float, float] | None = None  # width and height on paper, 1/72 inch; None if the file does not say

    @property
    def name(self) -> str:
        """``path``, or ``path, page n`` of a file with several."""
        return f"{self.path}, page {self.page}" if self.pages > 1 else str(self.path)


def find_files(paths: Sequence[PathLike]) -> list[Path]:
    """The files that paths stand for: each itself, and of a folder its images and PDF files, by name.

    Of a folder, hidden files are left out: macOS writes a ``._a.jpg`` beside ``a.jpg``, which is no picture.

    Raises:
        UserError: a path does not exist or may not be looked at, or a folder has no picture.
    """
    files = []
    for path in map(Path, paths):
        if has_folder(path):
            files += _look_inside(path)
        elif is_there(path):
            files.append(path)
        else:
            raise UserError(f"there is no file or folder {path}; name one that exists.")
    return files


def _look_inside(folder: Path) -> list[Path]:
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(
            f"cannot look into {folder} ({reason_of(error)}); name another folder, or mend its permissions."
        ) from error
    pictures = [file for file in found if file.suffix.lower() in IMAGE_SUFFIXES | {".pdf"}]
    inside = [file for file in pictures if not file.name.startswith(".")]
    if not inside:
        known = ", ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))
        below = "; subfolders are not searched" if any(map(os.path.isdir, found)) else ""
        hidden = "; hidden ones must be named themselves" if pictures else ""
        raise UserError(f"{folder} has no picture: files are looked for that end in {known} or pdf{below}{hidden}.")
    return inside


def open_pictures(files: Iterable[Path]) -> Iterator[Picture]:
    """The pictures in files, one after the other. A file or a page that cannot be read is one with a problem."""
    for file in files:
        try:
            open_regular(file).close()  # a pipe would let the readers below wait
            if file.suffix.lower() == ".pdf":
                yield from _open_pdf(file)
            else:
                yield from _open_image(file)
        except (OSError, ValueError, MemoryError) as error:
            yield Picture(file, 1, 1, None, reason_of(error))


def open_first_pictures(files: Iterable[Path]) -> Iterator[Picture]:
    """The picture in each image file; of several, the first. A file that cannot be read is one with a problem."""
    for file in files:
        try:
            yield Picture(file, 1, 1, load_image(file))
        except (OSError, ValueError) as error:
            yield Picture(file, 1, 1, None, reason_of(error))


def _open_image(file: Path) -> Iterator[Picture]:
    """The pages of a TIFF; of another file its picture, or the first of an animation."""
    with pillow_errors():
        opened = Image.open(file)
    with opened as image:
        if image.format == "TIFF":
            with pillow_errors():
                pages = getattr(image, "n_frames", 1)
            if pages > 1:
                yield from _open_pages(file, image, pages)
                return
        frames = _count_frames(image)
    pixels = load_image(file)
    yield Picture(file, 1, 1, pixels, frames=frames, points=_measure_paper(image, pixels))


def _open_pages(file: Path, image: Image.Image, pages: int) -> Iterator[Picture]:
    for page in range(pages):
        try:
            with pillow_errors():
                image.seek(page)
                pixels = to_pixels(image)
        except (OSError, ValueError, MemoryError) as error:
            yield Picture(file, page + 1, pages, None, reason_of(error))
        else:
            yield Picture(file, page + 1, pages, pixels, points=_measure_paper(image, pixels))


def _measure_paper(image: Image.Image, pixels: np.ndarray) -> tuple[float, float] | None:
    """``Picture.points`` by the resolution that an opened file states, if that is one of paper.

    Args:
        pixels: of the image, which may be turned by a quarter.
    """
    try:
        width, height = (POINTS_PER_INCH * side / float(dots) for side, dots in zip(image.size, image.info["dpi"]))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    if not all(1 <= side <= LARGEST_PAGE for side in (width, height)):
        return None
    return (width, height) if image.size == pixels.shape[1::-1] else (height, width)


def _count_frames(image: Image.Image) -> int:
    """How many pictures an opened file shows one after the other; 1 if it shows one."""
    if image.format in WITHOUT_FRAMES:
        return 1
    try:
        with pillow_errors():
            return getattr(image, "n_frames", 1)
    except (OSError, ValueError):  # a later frame is broken, and the first may be sound
        return 1


def _open_pdf(file: Path) -> Iterator[Picture]:
    pdfium = _import_pdfium()
    try:
        document = pdfium.PdfDocument(file)
    except pdfium.PdfiumError as error:
        said = str(error).rstrip(".")
        needs_password = "password" in said.lower()
        reason = "the PDF needs a password" if needs_password else f"not a PDF that can be opened ({said})"
        raise ValueError(reason) from None
    try:
        document.init_forms()  # before any page is opened; without it what a form was filled with is not drawn
        for number in range(len(document)):
            try:
                page = document[number]
                pixels, points = to_bgr(_draw_page(page)), page.get_size()
            except (pdfium.PdfiumError, ValueError, MemoryError) as error:
                yield Picture(file, number + 1, len(document), None, f"the page cannot be read ({reason_of(error)})")
            else:
                yield Picture(file, number + 1, len(document), pixels, points=points)
    finally:
        document.close()


def _draw_page(page: Any) -> np.ndarray:
    width, height = page.get_size()
    scale = min(PDF_RESOLUTION / POINTS_PER_INCH, (LARGEST_PIXELS / max(1.0, width * height)) ** 0.5)
    return np.array(page.render(scale=scale, rev_byteorder=False, prefer_bgrx=False).to_numpy())


def _import_pdfium() -> Any:
    try:
        import pypdfium2
    except ImportError as error:
        raise UserError(
            "reading a PDF needs pypdfium2; run `pip install '.[pdf]'` in the folder of this package."
        ) from error
    return pypdfium2
