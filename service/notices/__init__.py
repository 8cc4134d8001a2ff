"""Notices: anybody says that a listing infringes a right, and is told what became of that.

`Notices` is the way in: it takes a notice complete or not at all, finds the listings it names, and lets the case of
each go on, or opens one; what it cannot place is decided at the desk.
"""

from service.notices.notices import Notices
from service.notices.values import NewNotice, Notice, NoticeState

__all__ = ["NewNotice", "Notice", "NoticeState", "Notices"]
