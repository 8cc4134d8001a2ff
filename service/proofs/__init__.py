"""Proofs: the invoices and letters with which a seller answers, checked when they come and shown to who decides.

`documents` takes the harm out of a file and draws its first page, `twins` finds the same document elsewhere, `checks`
says what was found. `Proofs` is the way in. What a check finds decides nothing by itself.
"""

from service.proofs.proofs import Proofs
from service.proofs.rendering import ProofRefused
from service.proofs.values import PROOF_TYPES, Check, Proof, ProofType, Said

__all__ = ["PROOF_TYPES", "Check", "Proof", "ProofRefused", "ProofType", "Proofs", "Said"]
