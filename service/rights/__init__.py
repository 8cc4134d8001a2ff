"""Rights: what a brand may claim, where and until when, and whether an operator believes it.

`values` are pure, `tables` the rows, `Rights` the records of what brands say they own, `Verifications` what operators
made of it. Knows no listing and no policy.
"""

from service.rights.registration import Registered, Registration
from service.rights.rights import Rights
from service.rights.values import NewRight, Right, RightType, cover
from service.rights.verifications import Verification, Verifications

__all__ = [
    "NewRight",
    "Registered",
    "Registration",
    "Right",
    "RightType",
    "Rights",
    "Verification",
    "Verifications",
    "cover",
]
