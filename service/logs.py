"""Logs: one JSON object a line (or plain text), each with the id of the request it belongs to.

What is logged is chosen here and in `service.requests`: method, route, status, milliseconds. Never a body, a key,
a cookie or a query string.
"""

from __future__ import annotations

import contextvars
import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

REQUEST_ID: contextvars.ContextVar[str | None] = contextvars.ContextVar("request_id", default=None)
"""Id of the request being answered; None outside one."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON; what was given as `extra` becomes members of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its newline."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry.update({name: value for name, value in vars(record).items() if name not in _STANDARD})
        if (request_id := REQUEST_ID.get()) is not None:
            entry.setdefault("request_id", request_id)
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """The same for a person's terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger, message, then the extras as `name=value`."""
        extras = [f"{name}={value}" for name, value in vars(record).items() if name not in _STANDARD]
        if (request_id := REQUEST_ID.get()) is not None and not hasattr(record, "request_id"):
            extras.append(f"request_id={request_id}")
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        line = " ".join([time, record.levelname.lower(), record.name, record.getMessage(), *extras])
        return line + ("\n" + self.formatException(record.exc_info) if record.exc_info else "")


def set_up_logs(log_format: str, *, stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Send every logger's records to `stream` (stderr by default) in `json` or `text`.

    Called once by the process that serves; a library user keeps their own logging.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(TextFormatter() if log_format == "text" else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))  # libraries tell of trouble only: at `info` they log URLs and paths
    for name in ("brandwarden", "uvicorn.error"):
        logging.getLogger(name).setLevel(level)
