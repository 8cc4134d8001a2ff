"""Documents as sellers send them: invoices of one form with entries of their own, as PDF and as photographs of it."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

import cv2
import numpy as np
import pikepdf

from vision.embedding import Pixels

A4 = (595, 842)


def pdf(
    *pages: bytes, size: tuple[float, float] = A4, tweak: Callable[[pikepdf.Pdf], None] | None = None, **options
) -> bytes:
    """A PDF of these content streams, changed by `tweak` before it is saved with `options`."""
    document = pikepdf.Pdf.new()
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
    held = document.make_indirect(font)
    for content in pages or (b"BT /F1 24 Tf 72 700 Td (Invoice) Tj ET",):
        page = document.add_blank_page(page_size=size)
        page.obj.Contents = document.make_stream(content)
        page.obj.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=held))
    if tweak is not None:
        tweak(document)
    written = io.BytesIO()
    document.save(written, **options)
    return written.getvalue()


def invoice(number: str = "4711", *, buyer: str = "Shop One", seed: int = 1, form: int = 1, lines: int = 12) -> bytes:
    """An invoice as a PDF: `form` chooses the wholesaler's paper, `seed` the goods on it."""
    paper, goods = random.Random(form), random.Random(seed)
    texts = [(60, 780, 22, f"{_word(paper).title()} Wholesale GmbH"), (60, 755, 9, _words(paper, 9))]
    texts += [
        (60, 690, 11, buyer),
        (60, 676, 11, _words(goods, 3)),
        (60, 662, 11, f"{goods.randint(10000, 99999)} City"),
    ]
    texts += [(380, 690, 11, f"Invoice no. {number}"), (380, 676, 11, f"Date {goods.randint(1, 28):02}.03.2026")]
    texts += [(60, 610, 9, "Item                 Description"), (430, 610, 9, "Quantity      Price      Amount")]
    for line in range(lines):
        height = 590 - 18 * line
        texts.append((60, height, 9, f"{goods.randint(100000, 999999)}   {_words(goods, 4)}"))
        texts.append(
            (430, height, 9, f"{goods.randint(1, 40)}      {goods.uniform(1, 90):.2f}      {goods.uniform(9, 900):.2f}")
        )
    texts += [(60, 140 - 12 * row, 8, _words(paper, 14)) for row in range(4)]
    content = "".join(f"BT /F1 {size} Tf {x} {y} Td ({text}) Tj ET\n" for x, y, size, text in texts)
    return pdf(f"60 602 475 0.7 re f\n60 160 475 0.7 re f\n{content}".encode())


def photographed(page: Pixels, *, turn: float = 1.5, lean: float = 0.02, seed: int = 3) -> Pixels:
    """A page as a telephone sees it: turned, leaning, unevenly lit, noisy and a little soft."""
    height, width = page.shape[:2]
    noise = np.random.default_rng(seed)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, 0.9)
    moved = corners @ matrix[:, :2].T + matrix[:, 2] + noise.uniform(-lean, lean, (4, 2)) * width
    warp = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    seen = cv2.warpPerspective(page, warp, (width, height), borderValue=(150, 140, 120)).astype(np.float32)
    light = np.linspace(0.75, 1.0, width)[None, :, None] * np.linspace(1.0, 0.85, height)[:, None, None]
    seen = cv2.GaussianBlur(seen * light, (0, 0), 0.9) + noise.normal(0, 4, seen.shape)
    return np.clip(seen, 0, 255).astype(np.uint8)


def _word(source: random.Random) -> str:
    return "".join(source.choice("bcdfglmnprst") + source.choice("aeiou") for _ in range(source.randint(1, 3)))


def _words(source: random.Random, count: int) -> str:
    return " ".join(_word(source) for _ in range(count))
