"""What was read, as text, JSON, a picture for people, or a PDF in which the text can be searched."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw

from ..files import printable
from .ocr import Line, group_rows

LINE_COLOURS = ((31, 119, 180), (214, 39, 40))  # RGB: of a line, of one that was upside down
JPEG_QUALITY = 90
LARGEST_JPEG = 65500  # pixels of a side
NOTHING_FOUND = "no text was found"


def as_text(lines: Sequence[Line]) -> str:
    """The rows of a page, each with a newline at its end; lines side by side have a space between them."""
    return "".join(" ".join(line.text for line in row) + "\n" for row in group_rows(lines))


def as_json(lines: Sequence[Line], path: Path, page: int, shape: Sequence[int]) -> str:
    """A page as one line of JSON: ``{"path", "page", "width", "height", "lines": [{"text", "score", "turned",
    "points"}]}``."""
    found: list[dict[str, Any]] = [
        {
            "text": line.text,
            "score": round(line.score, 4),
            "turned": line.turned,
            "points": [[int(x), int(y)] for x, y in line.polygon],
        }
        for line in lines
    ]
    content = {"path": printable(path), "page": page, "width": int(shape[1]), "height": int(shape[0]), "lines": found}
    return json.dumps(content, ensure_ascii=False) + "\n"


def as_picture(lines: Sequence[Line], pixels: np.ndarray, load_font: Callable[[int], Any]) -> Image.Image:
    """The picture with its boxes on the left, and on the right each text where it was read.

    Args:
        pixels: (H, W, 3) uint8 BGR.
        load_font: from a size in pixels to a font of Pillow.
    """
    height, width = pixels.shape[:2]
    sheet = Image.new("RGB", (2 * width, height), "white")
    sheet.paste(Image.fromarray(np.ascontiguousarray(pixels[..., ::-1])))
    draw = ImageDraw.Draw(sheet)
    for line in lines:
        colour = LINE_COLOURS[line.turned]
        draw.polygon([tuple(map(int, point)) for point in line.polygon], outline=colour, width=max(1, width // 500))
        mask, (x, y) = _draw_text(line, load_font)
        sheet.paste(colour, (width + x, y), mask)
    size = min(width // 16, height // 2)
    if not lines and size:  # an empty half would look like a failure
        draw.text((width + width // 2, height // 2), NOTHING_FOUND, fill="grey", font=load_font(size), anchor="mm")
    return sheet


def _draw_text(line: Line, load_font: Callable[[int], Any]) -> tuple[Image.Image, tuple[int, int]]:
    """(mask, corner): the text in the size and the direction of its box, to be pasted at the corner of the box."""
    along, across = (line.polygon[i] - line.polygon[0] for i in (1, 3))
    length, size = max(1, int(np.hypot(*along))), max(4, int(np.hypot(*across)))
    font = load_font(max(4, int(0.8 * size)))
    right, low = map(int, font.getbbox(line.text)[2:])
    mask = Image.new("L", (max(1, right), max(1, low)), 0)
    ImageDraw.Draw(mask).text((0, 0), line.text, fill=255, font=font)
    if mask.width > length:  # squeezed into its box
        mask = mask.resize((length, mask.height))
    turn = -np.degrees(np.arctan2(along[1], along[0]))
    mask = mask.rotate(turn, expand=True)
    return mask, (int(line.polygon[:, 0].min()), int(line.polygon[:, 1].min()))


class PdfPage(NamedTuple):
    """A page of :func:`as_pdf`."""

    image: bytes  # JPEG
    image_size: tuple[int, int]  # its width and height
    width: int  # pixels of the picture
    height: int
    commands: str  # of PDF, that write the text, in pixels from the lower left corner
    points: tuple[float, float]  # width and height on paper, 1/72 inch


def as_pdf_page(lines: Sequence[Line], pixels: np.ndarray, points: tuple[float, float] | None = None) -> PdfPage:
    """A picture and its text as a page.

    Args:
        pixels: (H, W, 3) uint8 BGR.
        points: width and height on paper, 1/72 inch; None for a point for each pixel.
    """
    height, width = pixels.shape[:2]
    scale = min(1, LARGEST_JPEG / max(height, width))
    size = max(1, round(scale * width)), max(1, round(scale * height))
    shown = pixels if scale == 1 else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    image = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
    text = "\n".join(_write_text(line, height) for line in lines)
    return PdfPage(image, size, width, height, text, points or (width, height))


def as_pdf(pages: Sequence[PdfPage]) -> bytes:
    """The pictures as pages of a PDF, with the text over them: invisible, but it can be searched and copied.

    The font has no shapes of characters, as none is drawn; it says which character each code is.
    """
    objects: list[bytes] = [b"", b"", *_make_font()]  # the catalogue and the list of pages are written last
    kids = []
    for image, (columns, rows), width, height, text, (across, down) in pages:
        header = f"/Type /XObject /Subtype /Image /Width {columns} /Height {rows} /ColorSpace /DeviceRGB"
        objects.append(_make_stream(f"{header} /BitsPerComponent 8 /Filter /DCTDecode", image))
        scale = f"{across / width:.8f} 0 0 {down / height:.8f} 0 0 cm"  # pixels as points
        commands = f"{scale}\nq {width} 0 0 {height} 0 0 cm /I Do Q\nBT 3 Tr\n{text}\nET"
        objects.append(_make_stream("/Filter /FlateDecode", zlib.compress(commands.encode())))
        resources = f"/XObject << /I {len(objects) - 1} 0 R >> /Font << /F 3 0 R >>"
        page = f"/Type /Page /Parent 2 0 R /MediaBox [0 0 {across:.8g} {down:.8g}] /Resources << {resources} >>"
        objects.append(f"<< {page} /Contents {len(objects)} 0 R >>".encode())
        kids.append(f"{len(objects)} 0 R")
    objects[0] = b"<< /Type /Catalog /Pages 2 0 R >>"
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(kids)}] >>".encode()
    return _join_objects(objects)


def _write_text(line: Line, page_height: int) -> str:
    """The commands that write a line over its box. Every character is one unit wide, so the line is scaled to fit."""
    start, along, across = line.polygon[3], line.polygon[2] - line.polygon[3], line.polygon[3] - line.polygon[0]
    codes = line.text.encode("utf-16-be")
    (ax, ay), (bx, by) = along / max(1, len(codes) // 2), -across
    matrix = " ".join(f"{value:.2f}" for value in (ax, -ay, bx, -by, start[0], page_height - start[1]))
    return f"/F 1 Tf {matrix} Tm <{codes.hex()}> Tj"


def _make_font() -> list[bytes]:
    """A font whose codes are UTF-16: objects 3 to 6 of the file."""
    ranges = [f"<{high:02x}00> <{high:02x}ff> <{high:02x}00>" for high in range(256)]
    blocks = [ranges[start : start + 100] for start in range(0, len(ranges), 100)]  # PDF takes no larger ones
    body = "\n".join(f"{len(block)} beginbfrange\n" + "\n".join(block) + "\nendbfrange" for block in blocks)
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /U def /CMapType 2 def\n"
        f"1 begincodespacerange <0000> <ffff> endcodespacerange\n{body}\nendcmap end end"
    )
    system = "/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>"
    return [
        b"<< /Type /Font /Subtype /Type0 /BaseFont /NoShapes /Encoding /Identity-H /DescendantFonts [4 0 R]"
        b" /ToUnicode 6 0 R >>",
        f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /NoShapes {system}".encode()
        + b" /FontDescriptor 5 0 R /DW 1000 >>",
        b"<< /Type /FontDescriptor /FontName /NoShapes /Flags 4 /FontBBox [0 0 1000 1000] /ItalicAngle 0 /Ascent 1000"
        b" /Descent 0 /CapHeight 1000 /StemV 80 >>",
        _make_stream("/Filter /FlateDecode", zlib.compress(cmap.encode())),
    ]


def _make_stream(entries: str, content: bytes) -> bytes:
    return f"<< {entries} /Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream"


def _join_objects(objects: Sequence[bytes]) -> bytes:
    """A whole file of numbered objects, the first of which is the catalogue."""
    content, places = bytearray(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n"), []
    for number, entry in enumerate(objects, 1):
        places.append(len(content))
        content += f"{number} 0 obj\n".encode() + entry + b"\nendobj\n"
    start = len(content)
    rows = "".join(f"{place:010} 00000 n \n" for place in places)
    content += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{rows}".encode()
    content += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(content)
