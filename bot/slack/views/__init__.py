"""How messages look: pure functions from values to Block Kit, one file a message. Nothing here asks, sends or decides anything."""
