"""Slack over HTTP instead of Socket Mode: the same conversations, and requests that are forged, old or sent again."""
