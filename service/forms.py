"""Multipart (and urlencoded) forms: bounded in files, fields and bytes, files spooled and hashed while they come.

Handlers write `async with read_form(request, limits) as form:`; when the block ends every spooled file is gone unless
the handler kept it. Starlette's own parser bounds fields but not files, hence this one. What a field means is the
handler's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from service.api.dependencies import get_runtime
from service.errors import BadRequest, BodyTooLarge, Invalid, WrongMediaType
from service.settings import MIB
from service.spool import Spool, SpooledFile

THREAD_FROM = 256 * 1024
"""Bytes gathered before they are parsed in a thread; less is parsed at once, it is faster than the hop."""


@dataclass(frozen=True, slots=True)
class FormLimits:
    """What one form may hold."""

    file_bytes: int
    files: int = 1
    field_bytes: int = MIB
    fields: int = 50
    total_bytes: int | None = None


class FormFile:
    """One uploaded file. `filename` is what the sender calls it: never a path to open."""

    def __init__(self, name: str, filename: str, content_type: str, spooled: SpooledFile) -> None:
        self.name = name
        self.filename = filename
        self.content_type = content_type
        self._spooled = spooled

    @property
    def size(self) -> int:
        """Bytes."""
        return self._spooled.size

    @property
    def sha256(self) -> str:
        """Hex digest of the bytes."""
        return self._spooled.sha256

    def read(self) -> bytes:
        """All bytes; from the disk when there are more than a megabyte, so call it off the event loop."""
        return self._spooled.read()

    def open(self) -> AbstractContextManager[BinaryIO]:
        """A seekable reader."""
        return self._spooled.open()

    def keep(self, target: Path) -> None:
        """Move the file to `target` inside the data directory, synced."""
        self._spooled.keep(target)


@dataclass(slots=True)
class Form:
    """The fields and files of one request."""

    fields: dict[str, str] = field(default_factory=dict)
    all_files: list[FormFile] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        """A field without the blanks around it; None when absent or blank."""
        return (self.fields.get(name) or "").strip() or None

    def require(self, name: str) -> str:
        """A field that must be there; 422 otherwise."""
        value = self.get(name)
        if value is None:
            raise missing_field(name)
        return value

    def files(self, name: str) -> list[FormFile]:
        """Every file sent under `name`, in order."""
        return [file for file in self.all_files if file.name == name]

    def file(self, name: str) -> FormFile | None:
        """The one file sent under `name`, or None; 422 when there are several."""
        found = self.files(name)
        if len(found) > 1:
            raise Invalid(
                f"Send one file {name}, not {len(found)}.", errors=[{"loc": ["body", name], "msg": "one file"}]
            )
        return found[0] if found else None

    def require_file(self, name: str) -> FormFile:
        """A file that must be there; 422 otherwise."""
        file = self.file(name)
        if file is None:
            raise missing_field(name, what="file")
        return file

    def content(self) -> dict[str, Any]:
        """What idempotency compares: the fields, and each file by its SHA-256."""
        return {"fields": self.fields, "files": [[file.name, file.sha256] for file in self.all_files]}


def missing_field(name: str, *, what: str = "field") -> Invalid:
    """The 422 for a form without `name`."""
    return Invalid(f"The form needs a {what} '{name}'.", errors=[{"loc": ["body", name], "msg": f"{what} required"}])


@asynccontextmanager
async def read_form(request: Request, limits: FormLimits) -> AsyncIterator[Form]:
    """Read the form of `request`; raises 400 malformed, 413 too large, 415 not a form."""
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind == b"application/x-www-form-urlencoded":
        yield await _read_urlencoded(request, limits)
        return
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data":
        raise WrongMediaType("Send this call as multipart/form-data.")
    if not boundary:
        raise BadRequest("The multipart body has no boundary in its Content-Type.")
    reader = _Reader((await get_runtime(request)).spool, limits)
    try:
        await _feed(request, boundary, reader)
        yield reader.form
    finally:
        await asyncio.to_thread(reader.discard)


async def _read_urlencoded(request: Request, limits: FormLimits) -> Form:
    body = bytearray()
    async for chunk in _chunks(request):
        body += chunk
        if len(body) > limits.field_bytes:
            raise BodyTooLarge(f"A form without files takes at most {limits.field_bytes:,} bytes.")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=limits.fields, errors="strict")
    except ValueError as error:
        raise BadRequest("The form cannot be parsed.") from error
    for name, value in pairs:
        _check_text(name, value)
    return Form(fields=dict(pairs))


def _check_text(name: str, value: str) -> None:
    """Refuse what PostgreSQL does not store."""
    if "\x00" in value:
        raise BadRequest(f"The field '{name[:100]}' holds a zero character.")


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect as error:
        raise BadRequest("The body ended before it was complete.") from error


async def _feed(request: Request, boundary: bytes, reader: _Reader) -> None:
    waiting = bytearray()
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        async for chunk in _chunks(request):
            waiting += chunk
            if len(waiting) >= THREAD_FROM:
                await asyncio.to_thread(parser.write, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(parser.write, bytes(waiting))
    except FormParserError as error:
        raise BadRequest("The multipart body cannot be parsed.") from error
    if not reader.ended:
        raise BadRequest("The multipart body ends before its last boundary.")


class _Reader:
    """Callbacks of the parser: builds the form part by part."""

    def __init__(self, spool: Spool, limits: FormLimits) -> None:
        self.form = Form()
        self.ended = False
        self._spool = spool
        self._limits = limits
        self._spooled: list[SpooledFile] = []
        self._total = 0
        self._header = bytearray()
        self._value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._name = ""
        self._text: bytearray | None = None

    def callbacks(self) -> Any:
        """As `MultipartParser` wants them."""
        names = ("part_begin", "part_data", "part_end", "header_field", "header_value", "header_end", "end")
        found = {f"on_{name}": getattr(self, name) for name in names}
        return {**found, "on_headers_finished": self.headers_finished}

    def discard(self) -> None:
        """Remove every file that was not kept."""
        for spooled in self._spooled:
            spooled.discard()

    def part_begin(self) -> None:
        self._headers = {}
        self._text = None

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        if b"name" not in options:
            raise BadRequest("A part of the multipart body has no name.")
        self._name = options[b"name"].decode(errors="replace")
        if b"filename" in options:
            self._begin_file(options[b"filename"].decode(errors="replace"))
            return
        if len(self.form.fields) >= self._limits.fields:
            raise BodyTooLarge(f"A form takes at most {self._limits.fields} fields.")
        if self._name in self.form.fields:
            raise BadRequest(f"The field '{self._name[:100]}' comes twice.")
        self._text = bytearray()

    def _begin_file(self, filename: str) -> None:
        if len(self._spooled) >= self._limits.files:
            raise BodyTooLarge(f"This call takes at most {self._limits.files} files; send the rest in another one.")
        spooled = self._spool.new_file()
        self._spooled.append(spooled)
        content_type = self._headers.get(b"content-type", b"").decode("latin-1")
        self.form.all_files.append(FormFile(self._name, filename[:500], content_type[:100], spooled))

    def part_data(self, data: bytes, start: int, end: int) -> None:
        size = end - start
        self._total += size
        if self._limits.total_bytes is not None and self._total > self._limits.total_bytes:
            raise BodyTooLarge(f"This call takes at most {self._limits.total_bytes:,} bytes in all.")
        if self._text is not None:
            if len(self._text) + size > self._limits.field_bytes:
                raise BodyTooLarge(f"The field '{self._name[:100]}' is over {self._limits.field_bytes:,} bytes.")
            self._text += data[start:end]
            return
        spooled = self._spooled[-1]
        if spooled.size + size > self._limits.file_bytes:
            raise BodyTooLarge(f"A file of this call may have at most {self._limits.file_bytes:,} bytes.")
        spooled.write(data[start:end])

    def part_end(self) -> None:
        if self._text is None:
            self._spooled[-1].finish()
            if not self.form.all_files[-1].filename and not self._spooled[-1].size:
                self.form.all_files.pop()  # what a browser sends for a file field left empty
            return
        try:
            self.form.fields[self._name] = self._text.decode()
        except UnicodeDecodeError as error:
            raise BadRequest(f"The field '{self._name[:100]}' is not UTF-8.") from error
        _check_text(self._name, self.form.fields[self._name])

    def end(self) -> None:
        self.ended = True
