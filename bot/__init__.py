"""Shipbell: the bot. `docs/architecture.md` is the map of its rooms."""
