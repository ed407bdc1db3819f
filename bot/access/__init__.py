"""Who may: Cedar decides by the policies in `policies/`, and Slack identities become Actors. Nothing else decides about permission."""

from bot.access.cedar import CedarAccess
from bot.access.policies import PolicyError, PolicyProblem

__all__ = ["CedarAccess", "PolicyError", "PolicyProblem"]
