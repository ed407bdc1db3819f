"""The disk of the bot's database full: it says so, does nothing by halves, and carries on when there is room."""
