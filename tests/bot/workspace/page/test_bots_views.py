"""What Shipbell shows, on the page: every card, prompt, question and arrival of every Snapshot is drawn whole, on a desk and on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from bot.slack.views.arrival import arrival
from bot.slack.views.ask import ask
from bot.slack.views.card import card
from bot.slack.views.prompt import prompt
from tests.support.page import Stage, probe
from tests.support.snapshots import table

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

TABLE = table()
# A shortcode that the page doesn't know stays as text between colons.
SHORTCODE = re.compile(r"(?<![\w/]):[a-z][a-z0-9_+-]{2,}:(?!\w)")


@pytest.mark.parametrize("view", ["card", "prompt", "ask", "arrival"])
async def test_every_view_of_the_bot_is_drawn_whole(stage: Stage, view: str) -> None:
    page = await stage.open("dana", "deploys")
    for name, case in TABLE.items():
        made = {
            "card": lambda case=case: card(case, "card:12"),
            "prompt": lambda case=case: prompt(case, "prompt:12:x"),
            "ask": lambda case=case: ask(case, 3, "ask:12:3"),
            "arrival": lambda case=case: arrival(case, ["U0TESS0001"], "arrival:12"),
        }[view]()
        refused = await page.evaluate(probe("blocks"), {"blocks": made.blocks, "className": "probe"})
        assert refused == 0, name
        text = await page.locator(".probe").last.inner_text()
        assert not SHORTCODE.search(text), (name, SHORTCODE.search(text))
        assert "&lt;" not in text, name


async def test_a_card_fits_a_phone(stage: Stage) -> None:
    page = await stage.open(
        "lee", "deploys", viewport={"width": 375, "height": 812}, has_touch=True, is_mobile=True
    )
    made = card(TABLE["rolling"], "card:12")
    ts = await stage.app.post("#deploys", made.text, blocks=made.blocks)
    shown = page.locator(f'main [data-ts="{ts}"]')
    await expect(shown.get_by_role("button", name="Abort")).to_be_visible()
    assert await page.evaluate("() => document.querySelector('main .scroller').scrollWidth") <= 375
    assert await page.evaluate(probe("small")) == []
