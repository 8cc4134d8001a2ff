"""`/problems/{slug}`: what the `type` of a refusal means, and what to do about it. The texts are for people."""

from __future__ import annotations

from fastapi import APIRouter
from markupsafe import Markup
from starlette.responses import HTMLResponse

from service.errors import Missing
from service.pages.rendering import HEADERS
from service.problems import kinds

router = APIRouter(include_in_schema=False)

MEANINGS = {
    "archive-refused": "The archive is damaged, encrypted or built to harm: paths that lead outside it, links, "
    "overlapping entries, or far more bytes unpacked than packed. Pack the pictures anew with an ordinary zip program.",
    "backup": "The file cannot be written, or is not a whole backup that fits here. The detail says which.",
    "bad-image": "The bytes are not a picture that can be used. Send a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF file.",
    "body-timeout": "The body stopped coming before it was complete. Send it again over a faster connection.",
    "calibration": "The file that turns scores into confidences cannot be read. The operator has to look at it.",
    "conflict": "Something that exists stands in the way; `existing_id` names it where there is one. Change that "
    "one, or take another name. With an idempotency key: the first request is still running, ask again in a moment.",
    "corrupt-image": "The file begins as a picture and cannot be decoded: it is cut off or damaged. Send it whole.",
    "duplicate": "The brand has this picture, or one that can hardly be told from it, as another reference: "
    "`existing_id` names that one. Both are kept and looked for; delete one of them if they are the same product.",
    "empty-image": "The file has no bytes at all.",
    "export": "The folder of an export cannot be written. Name one that does not exist, on a disk with room.",
    "fetch-failed": "The picture's address could not be fetched, or may not be: only public http and https addresses "
    "without a user name are, within a few seconds and up to the size of a picture. Or send the picture itself.",
    "forbidden": "The role of this key may never make this call, whatever it asks for. Use a key of another role.",
    "gate-not-passed": "A new model takes the place of the one that serves only after `brandwarden-train gate` "
    "found it no worse, or with a reason that is kept in its history.",
    "image-too-large": "The picture has more bytes or more pixels than the limits allow. Make it smaller.",
    "image-too-small": "The picture has too few pixels to recognise anything in. Send a larger one.",
    "index": "The index failed. Send again, and tell the operator the request id if it stays.",
    "index-unavailable": "The index is being mended. Send again after the seconds in Retry-After.",
    "internal": "Something failed that nobody foresaw. Send again, and tell the operator the request id if it stays.",
    "invalid": "The request can be parsed and is not valid. `errors` lists each place and what is wrong with it.",
    "issuer-failed": "The sign-in service of the organisation is away or misconfigured. Sign in with a key or a "
    "link, and tell the operator if it stays.",
    "malformed": "The body cannot be parsed as what its Content-Type says.",
    "media-type": "This call takes another type of body. The detail names it.",
    "method-not-allowed": "This path does not take this method. The header Allow lists those it takes.",
    "model": "The model cannot be loaded. The operator has to look at the file or setting that the detail names.",
    "model-refused": "The model cannot be used: unknown, damaged, a pickle, without a dense map, or its numbers "
    "make no sense. The detail says which; the service goes on with the model it has.",
    "not-found": "There is no such thing, or none that this key may see: the two answers are the same on purpose.",
    "overloaded": "The service is at capacity, starting or stopping. Send again after the seconds in Retry-After.",
    "picture-missing": "A stored picture is gone from the picture store. The operator has to restore it from a backup.",
    "proof-refused": "A document is not taken: it is damaged, asks for a password, holds a script, takes more than a "
    "document does to draw, or is out of date. `reason` is a word for which. Print it to a new PDF, or send a picture.",
    "storage-failed": "Disk, bucket or database is full, read-only or out of reach. Nothing was stored: send again "
    "after the seconds in Retry-After, once the operator has mended it.",
    "too-generic": "The picture has too little of its own to be a reference: one colour, a line, stripes, a simple "
    "shape, a page of plain text, or a look that half of all pictures share. It would be found in listings that have "
    "nothing to do with the brand. Send a picture that shows the product or the whole mark.",
    "too-large": "The body has more bytes, rows, files or pictures than this call takes. Send less at once.",
    "too-many-requests": "This caller sends too much at once. Send again after the seconds in Retry-After.",
    "unauthorized": "The request has no key, or one that is not live. Send `Authorization: Bearer <key>`.",
    "unsupported-image": "The file is no picture, or of a format that is not read here. Send a JPEG, PNG or WebP file.",
    "vision": "A picture could not be processed. Send again, and tell the operator the request id if it stays.",
}

_PAGE = Markup("""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{title} · Brandwarden</title><link rel="stylesheet" href="/static/style.css"></head>
<body><main class="wrap"><h1>{title}</h1><p>{meaning}</p>
<p>Status {status}, type <code>/problems/{slug}</code>. All calls: <a href="/docs">/docs</a></p></main></body>
</html>
""")


@router.get("/problems/{slug}")
def explain(slug: str) -> HTMLResponse:
    """One page of plain words; 404 for a type that does not exist."""
    if slug not in MEANINGS:
        raise Missing
    status, title = kinds().get(slug, (500, slug))
    page = _PAGE.format(title=title, meaning=MEANINGS[slug], status=status, slug=slug)
    return HTMLResponse(page, headers={**HEADERS, "Cache-Control": "public, max-age=3600"})
