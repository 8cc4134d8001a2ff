"""How many threads one call of OpenCV or of NumPy's linear algebra may take.

Whoever runs pictures side by side in threads of its own says so once, before it starts; otherwise each call would
open a pool of its own and the cores would be shared by several times as many threads. Touches nothing of an embedder.
"""

from __future__ import annotations

import cv2
from threadpoolctl import threadpool_limits


def limit_threads(threads: int) -> None:
    """Let every OpenCV call and every matrix product of NumPy in this process use at most `threads` threads.

    The workers of OpenBLAS spin while they wait: a product of 320 rows costs eight times the CPU time on two cores.
    """
    cv2.setNumThreads(threads)
    threadpool_limits(threads, user_api="blas")
