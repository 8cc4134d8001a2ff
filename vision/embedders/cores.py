"""The one OpenVINO core of a process, kept until it ends.

The CPU plugin gives the thread that loads it a larger stack for signals, and takes the stack away when the last core
goes, in whichever thread that happens. Had it gone in another one, the next signal, a SIGTERM say, would kill the
process. (Seen with OpenVINO 2026.4; a core without models costs little.)
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import openvino


@functools.cache
def shared_core() -> openvino.Core:
    """The core; loads OpenVINO when first called."""
    import openvino  # noqa: PLC0415 - loads only where an engine needs it

    return openvino.Core()
