"""What follows from a match: the brand's policy, held against what the brand may ask for and whom it lets sell.

Place in the flow: `service.listings` has found matches and asks for a ruling on each; `service.cases` acts on them.
`values` are the policies, `ruling` the one pure function that decides, `tables` and `policies` keep the versions.
"""

from service.policies.decisions import DECISIONS, Decision, strongest
from service.policies.policies import Policies
from service.policies.ruling import BrandRules, Claim, Rulebook, Ruling, rule
from service.policies.values import MONITOR_FROM, REVIEW_FROM, Bounds, Draft, Policy, ProofRule, Rule

__all__ = [
    "DECISIONS",
    "MONITOR_FROM",
    "REVIEW_FROM",
    "Bounds",
    "BrandRules",
    "Claim",
    "Decision",
    "Draft",
    "Policies",
    "Policy",
    "ProofRule",
    "Rule",
    "Rulebook",
    "Ruling",
    "rule",
    "strongest",
]
