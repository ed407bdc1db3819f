"""`python -m bot.workspace serve|say|click|read …`."""

from __future__ import annotations

import sys

from bot.workspace.client import main

if __name__ == "__main__":
    sys.exit(main())
