"""The actions that somebody may be permitted: the words that the catalog's `may`, Cedar's schema and the commands share."""

from __future__ import annotations

CHANGES = ("deploy", "promote", "rollback", "restart", "stop", "start", "scale", "configure")
"""What an Operation can do to a Target: `operation.Kind`'s values."""

JUDGES = ("approve", "reject")
STEERS = ("abort", "answer")
READS = ("view", "logs")
"""`view` covers status, history and why."""

ADMINISTERS = ("admin",)

ACTIONS = CHANGES + JUDGES + STEERS + READS + ADMINISTERS

GRANTABLE = CHANGES + STEERS + READS
"""What an Environment's `may` can hand out; approving is said by its approval rule, administering by the admin role."""
