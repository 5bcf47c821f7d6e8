"""Files of pictures, what is written of them, and the evaluation of whole pictures."""

import errno
import json
import os
import struct
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from ppocrv2_ext.deploy import evaluation, formats, pictures, sources
from ppocrv2_ext.deploy.ocr import Line
from ppocrv2_ext.deploy.pages import find_losses
from ppocrv2_ext.errors import UserError

# {tag: the entry that Pillow writes into a TIFF for five columns, no compression, and three colours}
ENTRIES = {
    tag: struct.pack("<HHLL", tag, *rest) for tag, rest in {256: (4, 1, 5), 259: (3, 1, 1), 262: (3, 1, 2)}.items()
}
BOX = np.array([(10, 20), (110, 20), (110, 40), (10, 40)], np.float32)


def moved(x, y):
    return BOX + np.array([x, y], np.float32)


LINES = [Line(BOX, "Total 总计", 0.98765, False), Line(moved(0, 40), "12.50", 0.9, False)]
PIXELS = np.full((100, 200, 3), 255, np.uint8)


def make_pdf(*parts, trailer=b""):
    """A PDF of these objects, the first of which is the catalogue."""
    content, places = b"%PDF-1.5\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    rows = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF" % (len(parts) + 1, trailer, len(content))
    return content + b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1) + rows + end


def locked_pdf():
    """A PDF whose passwords nobody has."""
    return make_pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 0 /Kids [] >>",
        b"<< /Filter /Standard /V 1 /R 2 /O <" + b"41" * 32 + b"> /U <" + b"42" * 32 + b"> /P -4 >>",
        trailer=b"/Encrypt 3 0 R /ID [<41> <41>]",
    )


def form_pdf():
    """A white page with one field of a form, filled in with a black box."""
    box = b"0 0 100 50 re f"
    return make_pdf(
        b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [4 0 R] >> >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Annots [4 0 R] >>",
        b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (f) /F 4 /Rect [0 0 100 50] /P 3 0 R /AP << /N 5 0 R >> >>",
        b"<< /Type /XObject /Subtype /Form /BBox [0 0 100 50] /Length %d >>\nstream\n%s\nendstream" % (len(box), box),
    )


def pdf_with_a_broken_page():
    """Three pages, the second of which is none."""
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 72 72] >>"
    pages = b"<< /Type /Pages /Count 3 /Kids [3 0 R 4 0 R 5 0 R] >>"
    return make_pdf(b"<< /Type /Catalog /Pages 2 0 R >>", pages, page, b"(no page)", page)


class TestSources:
    def test_a_folder_stands_for_its_pictures_by_name(self, tmp_path):
        for name in ("b.png", "a.JPG", "notes.txt", "c.pdf"):
            (tmp_path / name).touch()
        assert [file.name for file in sources.find_files([tmp_path])] == ["a.JPG", "b.png", "c.pdf"]

    def test_of_a_folder_hidden_files_are_left_out_and_one_that_is_named_is_not(self, tmp_path):
        for name in ("a.jpg", "._a.jpg", ".b.png"):
            (tmp_path / name).touch()
        assert [file.name for file in sources.find_files([tmp_path])] == ["a.jpg"]
        assert [file.name for file in sources.find_files([tmp_path, tmp_path / ".b.png"])] == ["a.jpg", ".b.png"]

    def test_of_a_folder_with_hidden_pictures_alone_they_are_said_to_be_left_out(self, tmp_path):
        (tmp_path / "._a.jpg").touch()
        with pytest.raises(UserError, match="has no picture.* or pdf; hidden ones must be named themselves.$"):
            sources.find_files([tmp_path])

    def test_a_folder_without_pictures_is_refused(self, tmp_path):
        with pytest.raises(UserError, match="has no picture.* or pdf.$"):
            sources.find_files([tmp_path])

    @pytest.mark.parametrize("path", ["x" * 5000, "a\0b"])
    def test_a_path_that_no_file_can_have_is_refused(self, path):
        with pytest.raises(UserError, match="cannot look at"):
            sources.find_files([path])

    def test_a_folder_that_may_not_be_listed_is_refused(self, monkeypatch, tmp_path):
        def refuse(path):
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(type(tmp_path), "iterdir", refuse)
        with pytest.raises(UserError, match="cannot look into .* .Permission denied."):
            sources.find_files([tmp_path])

    def test_of_a_folder_with_subfolders_alone_they_are_said_not_to_be_searched(self, tmp_path):
        (tmp_path / "inside").mkdir()
        (tmp_path / "inside" / "a.png").touch()
        with pytest.raises(UserError, match="has no picture.*; subfolders are not searched.$"):
            sources.find_files([tmp_path])

    def test_a_missing_path_is_refused(self, tmp_path):
        with pytest.raises(UserError, match="no file or folder"):
            sources.find_files([tmp_path / "absent.png"])

    def test_every_page_of_a_tiff_is_a_picture(self, tmp_path):
        first, second = (Image.new("L", (30, 20), value) for value in (0, 255))
        first.save(tmp_path / "a.tiff", save_all=True, append_images=[second])
        pages = list(sources.open_pictures([tmp_path / "a.tiff"]))
        assert [(page.page, page.pages, int(page.pixels.mean())) for page in pages] == [(1, 2, 0), (2, 2, 255)]

    def test_of_an_animation_the_first_picture_is_read(self, tmp_path):
        first, second = (Image.new("L", (30, 20), value) for value in (0, 255))
        first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
        (picture,) = sources.open_pictures([tmp_path / "a.gif"])
        assert picture.pixels.max() == 0

    def test_colours_for_print_are_read(self, tmp_path):
        Image.new("CMYK", (5, 4), (0, 0, 0, 0)).save(tmp_path / "a.jpg")
        (picture,) = sources.open_pictures([tmp_path / "a.jpg"])
        assert picture.pixels.shape == (4, 5, 3)
        assert picture.pixels.min() > 250

    def test_a_file_that_is_no_picture_has_a_problem_and_the_next_is_read(self, tmp_path):
        (tmp_path / "a.png").touch()
        Image.new("L", (5, 4)).save(tmp_path / "b.png")
        bad, good = sources.open_pictures([tmp_path / "a.png", tmp_path / "b.png"])
        assert (bad.pixels, bad.problem) == (None, "not an image, or of a kind that Pillow cannot read")
        assert good.pixels.shape == (4, 5, 3)

    @pytest.mark.parametrize(
        ("content", "problem"), [(locked_pdf(), "the PDF needs a password"), (b"", "not a PDF that can be opened")]
    )
    def test_a_pdf_that_cannot_be_opened_has_a_problem(self, tmp_path, content, problem):
        pytest.importorskip("pypdfium2")
        (tmp_path / "a.pdf").write_bytes(content)
        (picture,) = sources.open_pictures([tmp_path / "a.pdf"])
        assert picture.pixels is None
        assert problem in picture.problem

    def test_what_a_form_was_filled_with_is_drawn(self, tmp_path):
        pytest.importorskip("pypdfium2")
        (tmp_path / "form.pdf").write_bytes(form_pdf())
        (picture,) = sources.open_pictures([tmp_path / "form.pdf"])
        height, width = picture.pixels.shape[:2]
        field = picture.pixels[height // 2 + 5 :, : width // 2 - 5]  # PDF counts from the lower left corner
        assert field.max() == 0
        assert picture.pixels[: height // 2 - 5].min() == 255

    def test_the_pages_after_a_broken_one_of_a_pdf_are_read(self, tmp_path):
        pytest.importorskip("pypdfium2")
        (tmp_path / "a.pdf").write_bytes(pdf_with_a_broken_page())
        pages = list(sources.open_pictures([tmp_path / "a.pdf"]))
        assert [(page.page, page.pages, page.pixels is None) for page in pages] == [
            (1, 3, False),
            (2, 3, True),
            (3, 3, False),
        ]
        assert "the page cannot be read" in pages[1].problem

    def test_the_pages_after_a_broken_one_of_a_tiff_are_read(self, tmp_path, monkeypatch):
        first, *others = (Image.new("L", (30, 20), value) for value in (0, 100, 255))
        first.save(tmp_path / "a.tif", save_all=True, append_images=others)

        def fail_at_grey(image):
            pixels = pictures.to_pixels(image)
            if pixels.mean() == 100:
                raise OSError("decoder error -2")
            return pixels

        monkeypatch.setattr(sources, "to_pixels", fail_at_grey)
        pages = list(sources.open_pictures([tmp_path / "a.tif"]))
        assert [page.problem for page in pages] == [None, "decoder error -2", None]
        assert [page.name[-6:] for page in pages] == ["page 1", "page 2", "page 3"]

    @pytest.mark.parametrize(
        ("tag", "value", "error"), [(256, 0, "TypeError"), (259, 10_825, "KeyError"), (262, 99, "SyntaxError")]
    )
    def test_a_damaged_header_of_a_page_does_not_stop_the_other_files(self, tmp_path, tag, value, error):
        one, other = (Image.new("RGB", (5, 4), (value,) * 3) for value in (0, 255))
        one.save(tmp_path / "a.tif", save_all=True, append_images=[one])
        other.save(tmp_path / "b.png")
        start, end = (tmp_path / "a.tif").read_bytes().rsplit(ENTRIES[tag], 1)
        (tmp_path / "a.tif").write_bytes(start + struct.pack("<HHLL", tag, 3, value > 0, value) + end)
        *pages, last = sources.open_pictures([tmp_path / "a.tif", tmp_path / "b.png"])
        (problem,) = [each.problem for each in pages if each.problem]
        assert problem.startswith(f"broken, as Pillow says ({error}: ")
        assert last.pixels.min() == 255

    def test_the_pages_of_a_tiff_are_read_whatever_its_name_ends_in(self, tmp_path):
        first, *others = (Image.new("L", (30, 20), value) for value in (0, 100, 255))
        first.save(tmp_path / "scan", format="TIFF", save_all=True, append_images=others)
        assert [page.pixels[0, 0, 0] for page in sources.open_pictures([tmp_path / "scan"])] == [0, 100, 255]

    @pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
    def test_of_an_animation_the_first_frame_is_read_and_the_others_are_counted(self, tmp_path, name):
        first, *others = (Image.new("RGB", (30, 20), (value,) * 3) for value in (0, 100, 255))
        first.save(tmp_path / name, save_all=True, append_images=others)
        (picture,) = sources.open_pictures([tmp_path / name])
        assert (picture.frames, picture.pixels.max(), picture.name) == (3, 0, str(tmp_path / name))
        reader = types.SimpleNamespace(shrunk_size=lambda shape: None)
        (sentence,) = find_losses(reader, picture, [])
        assert sentence.startswith(f"{tmp_path / name}: it holds 3 frames, and the first is read; ")

    def test_the_second_view_of_a_photo_is_no_frame_and_neither_is_one_picture(self, tmp_path):
        photo = Image.new("RGB", (30, 20))
        photo.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[photo])
        photo.save(tmp_path / "b.gif")
        with Image.open(tmp_path / "a.jpg") as image:
            assert image.n_frames == 2
        assert [each.frames for each in sources.open_pictures([tmp_path / "a.jpg", tmp_path / "b.gif"])] == [1, 1]

    def test_an_animation_that_is_broken_after_its_first_frame_is_read(self, tmp_path):
        noise = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), dtype=np.uint8)
        first, *others = map(Image.fromarray, noise)
        first.save(tmp_path / "a.gif", save_all=True, append_images=others)
        (tmp_path / "a.gif").write_bytes((tmp_path / "a.gif").read_bytes()[:-2500])
        (picture,) = sources.open_pictures([tmp_path / "a.gif"])
        assert picture.problem is None

    def test_a_transparent_page_of_a_tiff_is_white(self, tmp_path):
        page = Image.new("RGBA", (30, 20), (0, 0, 0, 0))
        page.save(tmp_path / "a.tif", save_all=True, append_images=[page])
        assert [page.pixels.min() for page in sources.open_pictures([tmp_path / "a.tif"])] == [255, 255]

    @pytest.mark.parametrize("name", ["a.tif", "a.png"])
    def test_a_picture_above_the_limit_has_a_problem_and_the_next_is_read(self, tmp_path, monkeypatch, name):
        Image.new("1", (3000, 2000)).save(tmp_path / name)
        Image.new("L", (5, 4)).save(tmp_path / "b.png")
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2_000_000)
        large, small = sources.open_pictures([tmp_path / name, tmp_path / "b.png"])
        assert large.problem == "larger than 4 million pixels; make it smaller"
        assert small.pixels.shape == (4, 5, 3)

    def test_below_the_limit_nothing_is_said(self, tmp_path, monkeypatch, recwarn):
        Image.new("1", (1500, 2000)).save(tmp_path / "a.png")
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2_000_000)
        (picture,) = sources.open_pictures([tmp_path / "a.png"])
        assert picture.problem is None
        assert not recwarn.list

    @pytest.mark.parametrize("order", ["<u2", ">u2"])
    def test_16_bits_are_cut_in_either_order_of_bytes(self, order):
        assert pictures.to_bgr(np.full((2, 3), 0x80FF, order)).tolist() == [[[0x80] * 3] * 3] * 2

    def test_a_pdf_without_pypdfium2_names_the_command(self, tmp_path, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "pypdfium2", None)
        (tmp_path / "a.pdf").touch()
        with pytest.raises(UserError, match="pip install"):
            list(sources.open_pictures([tmp_path / "a.pdf"]))


class TestFormats:
    def test_text_is_a_row_of_the_page_in_each_line(self):
        assert formats.as_text(LINES) == "Total 总计\n12.50\n"
        assert formats.as_text([]) == ""

    def test_json_has_everything_of_a_line(self, tmp_path):
        content = json.loads(formats.as_json(LINES, tmp_path / "a.png", 2, PIXELS.shape))
        assert (content["page"], content["width"], content["height"]) == (2, 200, 100)
        assert content["lines"][0] == {
            "text": "Total 总计",
            "score": 0.9877,
            "turned": False,
            "points": [[10, 20], [110, 20], [110, 40], [10, 40]],
        }

    def test_json_holds_a_name_that_is_not_utf8(self):
        content = formats.as_json([], Path(os.fsdecode(b"\xc9.png")), 1, PIXELS.shape)
        assert json.loads(content.encode("utf-8"))["path"] == "\\xc9.png"

    def test_a_picture_has_the_boxes_on_the_left_and_the_texts_on_the_right(self):
        sheet = np.asarray(formats.as_picture(LINES, PIXELS, lambda size: ImageFont.load_default(size)))
        assert sheet.shape == (100, 400, 3)
        assert (sheet[20, 10:110] != 255).any()
        assert (sheet[15:45, 205:320] != 255).any()
        assert (sheet[:, 330:] == 255).all()

    @pytest.mark.parametrize("size", [(1, 1), (300, 500), (40, 3000), (3000, 40)])
    def test_a_picture_without_text_says_so(self, size):
        blank = np.full((*size, 3), 255, np.uint8)
        sheet = np.asarray(formats.as_picture([], blank, lambda size: ImageFont.load_default(size)))
        assert sheet.shape == (size[0], 2 * size[1], 3)
        assert (sheet[:, : size[1]] == 255).all()
        assert (sheet[:, size[1] :] != 255).any() == (size != (1, 1))

    def test_a_pdf_can_be_searched_where_the_text_stands(self, tmp_path):
        pdfium = pytest.importorskip("pypdfium2")
        page = formats.as_pdf_page(LINES, PIXELS)
        (tmp_path / "a.pdf").write_bytes(formats.as_pdf([page, page]))
        document = pdfium.PdfDocument(tmp_path / "a.pdf")
        text = document[1].get_textpage()
        assert len(document) == 2
        assert text.get_text_range().splitlines() == ["Total 总计", "12.50"]
        assert text.count_rects() > 0
        left, low, right, high = text.get_rect(0)  # PDF counts from the lower left corner
        assert (left, right) == (pytest.approx(10, abs=3), pytest.approx(110, abs=15))
        assert 100 - 45 < low < high < 100 - 15

    def test_a_page_of_a_pdf_keeps_its_size_with_the_text_where_it_stood(self, tmp_path):
        pdfium = pytest.importorskip("pypdfium2")
        original = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595.28 841.89] >>"
        pages = b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>"
        (tmp_path / "a.pdf").write_bytes(make_pdf(b"<< /Type /Catalog /Pages 2 0 R >>", pages, original))
        (picture,) = sources.open_pictures([tmp_path / "a.pdf"])
        assert picture.pixels.shape[:2] == (2339, 1654)  # 200 dots an inch
        box = np.array([(500, 1000), (1000, 1000), (1000, 1100), (500, 1100)], np.float32)
        page = formats.as_pdf_page([Line(box, "Total", 0.9, False)], picture.pixels, picture.points)
        (tmp_path / "b.pdf").write_bytes(formats.as_pdf([page]))
        (written,) = pdfium.PdfDocument(tmp_path / "b.pdf")
        assert written.get_size() == pytest.approx((595.28, 841.89), abs=0.01)
        text = written.get_textpage()
        assert text.count_rects() == 1
        left, low, right, high = text.get_rect(0)
        assert (left, right) == (pytest.approx(500 * 0.36, abs=2), pytest.approx(1000 * 0.36, abs=36))  # a character
        assert 841.89 - 1150 * 0.36 < low < high < 841.89 - 950 * 0.36

    @pytest.mark.parametrize(
        ("name", "options", "size"),
        [
            ("a.png", {"dpi": (300, 150)}, (48, 48)),
            ("a.tif", {"dpi": (300, 150)}, (48, 48)),
            ("a.jpg", {"dpi": (300, 300)}, (48, 24)),
            ("a.jpg", {}, (200, 100)),
            ("a.png", {"dpi": (0.01, 300)}, (200, 100)),  # a resolution of nothing that is made of paper
        ],
    )
    def test_a_picture_has_the_size_that_its_resolution_gives_it(self, tmp_path, name, options, size):
        pdfium = pytest.importorskip("pypdfium2")
        Image.new("RGB", (200, 100), "white").save(tmp_path / name, **options)
        (picture,) = sources.open_pictures([tmp_path / name])
        (tmp_path / "b.pdf").write_bytes(formats.as_pdf([formats.as_pdf_page([], picture.pixels, picture.points)]))
        assert pdfium.PdfDocument(tmp_path / "b.pdf")[0].get_size() == pytest.approx(size, abs=0.02)

    def test_a_picture_that_is_turned_by_its_exif_data_is_turned_on_paper_too(self, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.new("RGB", (200, 100), "white").save(tmp_path / "a.jpg", exif=exif, dpi=(144, 144))
        (picture,) = sources.open_pictures([tmp_path / "a.jpg"])
        assert picture.pixels.shape[:2] == (200, 100)
        assert picture.points == pytest.approx((50, 100))

    @pytest.mark.parametrize("dpi", [(0, 0), (float("nan"), 72), "ab", (72,), None, (1e9, 1e9)])
    def test_a_resolution_that_is_none_is_passed_over(self, dpi):
        image = Image.new("RGB", (200, 100))
        image.info["dpi"] = dpi
        assert sources._measure_paper(image, PIXELS) is None

    def test_a_picture_taller_than_jpeg_allows_keeps_its_size_in_a_pdf(self, tmp_path):
        pdfium = pytest.importorskip("pypdfium2")
        page = formats.as_pdf_page([], np.full((70000, 4, 3), 255, np.uint8))
        (tmp_path / "a.pdf").write_bytes(formats.as_pdf([page]))
        assert page.image_size == (4, 65500)
        assert pdfium.PdfDocument(tmp_path / "a.pdf")[0].get_size()[0] == 4

    def test_a_pdf_that_was_written_can_be_read_again(self, tmp_path):
        pytest.importorskip("pypdfium2")
        (tmp_path / "a.pdf").write_bytes(formats.as_pdf([formats.as_pdf_page(LINES, PIXELS)]))
        (picture,) = sources.open_pictures([tmp_path / "a.pdf"])
        assert picture.pixels.shape == (278, 556, 3)  # 200 dots on 72 points
        assert picture.pixels.mean() > 250


class TestEvaluation:
    def test_values_by_hand(self):
        labels = [(BOX, "Total"), (moved(0, 40), "12.50"), (moved(0, 200), "###")]
        found = [(BOX + 1, "total"), (moved(0, 201), "rubbish"), (moved(300, 0), "nothing")]
        score = evaluation.score_page(labels, found)
        assert score.detection == (1, 2, 2)  # one found, two that count, two readable labels
        assert score.end_to_end == {"exact": (0, 2, 2), "without case and spaces": (1, 2, 2)}
        assert score.wrong == [("Total", "total")]

    def test_a_box_is_found_once(self):
        score = evaluation.score_page([(BOX, "a")], [(BOX, "a"), (BOX, "a")])
        assert score.detection == (1, 2, 1)

    def test_f1_is_one_without_text_and_zero_without_a_match(self):
        assert evaluation.Counts().f1 == 1
        assert evaluation.Counts(0, 0, 3).f1 == 0
        assert evaluation.Counts(2, 4, 2).f1 == pytest.approx(2 / 3)
        assert evaluation.score_page([], []).detection == (0, 0, 0)

    @pytest.mark.parametrize("seed", range(5))
    def test_boxes_are_matched_as_by_paddleocr(self, wheel, seed):
        from ppocr.metrics.eval_det_iou import match_regions

        rng = np.random.default_rng(seed)
        labels = [BOX + rng.integers(0, 150, 2) for _ in range(15)]
        found = [box + rng.integers(-15, 15, 2) for box in labels[3:]] + [BOX + 400]
        texts = ["###" if rng.random() < 0.3 else "a" for _ in labels]
        readable = [box for box, text in zip(labels, texts) if text == "a"]
        ignored = [box for box, text in zip(labels, texts) if text == "###"]
        pairs, found_count, labelled_count = evaluation.count_matches(labels, texts, found)
        assert (labelled_count, found_count, len(pairs)) == match_regions(readable, ignored, found)
        assert pairs
