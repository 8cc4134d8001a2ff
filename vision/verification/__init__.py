"""Does the picture itself agree? Pixels of a query against pixels of one candidate reference.

Place in the flow: candidates from `indexes.search` → **verification** → `indexes.scoring`. `PhotoVerifier` answers
"the same photograph?", `LogoVerifier` "is this mark present, and where?". Both give evidence (boxes, features,
sentences), never a verdict: what the evidence is worth lives in a calibration. NumPy and OpenCV only.
"""

from vision.verification.evidence import Evidence, LogoEvidence, MarkEvidence, PhotoEvidence
from vision.verification.glances import PhotoGlances
from vision.verification.logos import LogoGlimpse, LogoTemplate, LogoVerifier
from vision.verification.photos import PhotoDescription, PhotoVerifier
from vision.verification.scenes import LogoScene

__all__ = [
    "Evidence",
    "LogoEvidence",
    "LogoGlimpse",
    "LogoScene",
    "LogoTemplate",
    "LogoVerifier",
    "MarkEvidence",
    "PhotoDescription",
    "PhotoEvidence",
    "PhotoGlances",
    "PhotoVerifier",
]
