"""How many threads one OpenCV call may take.

Whoever runs pictures side by side in threads of its own says so once, before it starts; otherwise each call would
open a pool of its own and the cores would be shared by several times as many threads. Touches nothing of an embedder.
"""

from __future__ import annotations

import cv2


def limit_opencv(threads: int) -> None:
    """Let every OpenCV call of this process use at most `threads` threads."""
    cv2.setNumThreads(threads)
