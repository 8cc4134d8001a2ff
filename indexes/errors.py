"""Everything `indexes` raises on purpose; the service maps every class here to an HTTP status."""

from __future__ import annotations


class IndexesError(Exception):
    """Base of all errors raised by `indexes`."""


class NotFound(IndexesError):
    """No such row, or none that the asker may see."""


class Conflict(IndexesError):
    """The write would break a uniqueness rule; `existing_id` names the row that stands in the way."""

    def __init__(self, message: str, *, existing_id: str | None = None) -> None:
        super().__init__(message)
        self.existing_id = existing_id


class BadCursor(IndexesError):
    """A paging cursor that this service did not make."""


class BlobMissing(IndexesError):
    """A row names a blob that the store does not hold."""


class StorageFailed(IndexesError):
    """Disk, bucket or database is full, read-only or out of reach. Nothing was acknowledged."""


class DatabaseAway(StorageFailed):
    """The database server does not answer, or not as it should; it is expected back."""


class Deadlock(DatabaseAway):
    """Two transactions waited for each other and the database ended this one; another try may well succeed."""


class Unstorable(IndexesError):
    """A value that no database takes, such as a zero character or a number out of range."""


class SnapshotDamaged(IndexesError):
    """A snapshot's files do not agree with its manifest."""


class SpaceMismatch(IndexesError):
    """Vectors of one space met an index or rows of another."""


class CalibrationError(IndexesError):
    """A calibration file cannot be read or does not belong to the space."""
