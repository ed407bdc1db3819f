"""Slack away or at its limits during a rollout: the rollout goes on, and the channels catch up with its end."""
