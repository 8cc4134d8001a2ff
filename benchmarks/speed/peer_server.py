"""A server that others would run: `infinity-emb` with CLIP ViT-B/32 and random weights, in an environment of its own.

Place in the flow: `peers` starts it once and loads it like ours. Its requirements contradict ours (NumPy below 2), so
it is installed beside, with the same torch. It embeds a picture and answers the vector; it searches and stores nothing.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.speed.service import ROOT, Service, get
from service.demo.server import free_port, stop

REQUIREMENTS = ("infinity-emb[server,torch]==0.0.78", "transformers>=4.47,<5", "numpy<2")
_PATIENCE = 120.0
_LONGEST_CALL = 900.0


class PeerMissing(Exception):
    """The peer cannot be installed or started here; the message says why."""


@contextlib.contextmanager
def infinity(folder: Path, threads: int) -> Iterator[Service]:
    """The server on a free loopback port, ready; `PeerMissing`."""
    environment, model = folder / "infinity", folder / "random-clip"
    python = environment / "bin" / "python"
    if not (environment / "installed").is_file():
        _install(environment, python)
    if not (model / "config.json").is_file():
        _call([str(python), "-m", "benchmarks.speed.random_clip", str(model)])
    port = free_port()
    command = [str(environment / "bin" / "infinity_emb"), "v2", "--model-id", str(model), "--served-model-name", "clip"]
    command += ["--engine", "torch", "--device", "cpu", "--host", "127.0.0.1", "--port", str(port)]
    environ = {**os.environ, "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "OMP_NUM_THREADS": str(threads)}
    log_path = folder / "infinity.log"
    with log_path.open("wb") as log:
        started = time.perf_counter()
        process = subprocess.Popen([*command, "--no-model-warmup"], env=environ, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process, log_path)
        yield Service(process, url, "", time.perf_counter() - started)
    finally:
        stop(process)


def _install(environment: Path, python: Path) -> None:
    venv.create(environment, with_pip=True, clear=True)
    ours = Path(sysconfig.get_path("purelib"))
    inside = environment / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (inside / "torch-of-the-project.pth").write_text(f"{ours}\n")  # torch is large, and is to be the same for all
    _call([str(python), "-m", "pip", "install", "--quiet", *REQUIREMENTS])
    (environment / "installed").write_text("\n".join(REQUIREMENTS))


def _call(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT, text=True, timeout=_LONGEST_CALL)
    except subprocess.TimeoutExpired as error:
        raise PeerMissing(f"{' '.join(command[1:4])} was not done after {error.timeout:.0f} s") from error
    if done.returncode:
        said = done.stderr.strip().splitlines()[-3:] or ["nothing"]
        raise PeerMissing(f"{' '.join(command[1:4])} ended with {done.returncode} and said: {' / '.join(said)}")


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if process.poll() is not None:
            said = log.read_text(errors="replace").strip().splitlines()[-3:]
            raise PeerMissing(f"it ended with {process.returncode} and said: {' / '.join(said)}")
        with contextlib.suppress(OSError, http.client.HTTPException):
            if get(url, "/health")[0] == 200:
                return
        time.sleep(0.2)
    raise PeerMissing(f"it was not ready within {_PATIENCE:.0f} s")
