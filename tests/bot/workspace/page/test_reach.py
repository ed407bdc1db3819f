"""Who can use the page: with a keyboard alone, with a screen reader, on a phone, in the dark."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.support.page import Stage, actions, button, entry, mrkdwn, option, plain, probe

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

BOX = "main .composer textarea"
DEPLOYS = "C0DEPLOY01"
PHONE = {"viewport": {"width": 375, "height": 812}, "has_touch": True, "is_mobile": True}

BLOCKS = [
    {"type": "header", "block_id": "h", "text": plain("shop → test")},
    {
        "type": "section",
        "block_id": "s",
        "text": mrkdwn("*#12* `1.4.2` <https://a.example|commits> <@U0DANA0001> <!here>"),
        "fields": [mrkdwn("a"), mrkdwn("b")],
    },
    {
        "type": "section",
        "block_id": "o",
        "text": mrkdwn("More"),
        "accessory": {"type": "overflow", "action_id": "more", "options": [option("x")]},
    },
    {"type": "context", "block_id": "c", "elements": [mrkdwn("small print")]},
    actions(
        "a",
        button("yes", "Approve", style="primary"),
        button("no", "Reject", style="danger"),
        button("see", "Details"),
    ),
    actions(
        "p",
        {
            "type": "static_select",
            "action_id": "pick",
            "placeholder": plain("Pick"),
            "options": [option("x")],
        },
    ),
    entry("boxes", "Boxes", {"type": "checkboxes", "options": [option("one"), option("two")]}),
    entry("text", "Text", {"type": "plain_text_input", "placeholder": plain("write")}),
]


async def with_card(stage: Stage, page: Page) -> str:
    ts = await stage.app.post("#deploys", "card", blocks=BLOCKS)
    await stage.app.post("#deploys", "an answer with `code`", thread_ts=ts)
    await expect(page.locator(f'main [data-ts="{ts}"]')).to_be_visible()
    return ts


async def test_everything_is_reached_without_a_mouse(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    await page.evaluate("() => { document.body.tabIndex = -1; document.body.focus(); }")
    await page.keyboard.press("Tab")
    skip = page.locator("#skip")
    await expect(skip).to_be_focused()
    await expect(skip).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await expect(page.locator(BOX)).to_be_focused()

    # The sidebar is one stop of Tab; the arrows move in it.
    await page.keyboard.press("F6")
    await page.keyboard.press("F6")
    await expect(page.locator(f'[data-place="{DEPLOYS}"]')).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(page.locator('[data-place="C0RELEASE1"]')).to_be_focused()
    assert await page.locator('.side-item[tabindex="0"]').count() == 1
    await page.keyboard.press("End")
    await page.keyboard.press("Home")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_contain_text("releases")
    await expect(page.locator(BOX)).to_be_focused()

    await page.keyboard.press("Alt+ArrowDown")
    await expect(page.locator("h1")).to_contain_text("test-env")
    await page.keyboard.press("Alt+ArrowUp")
    await page.keyboard.press("Alt+ArrowUp")
    await expect(page.locator("h1")).to_contain_text("deploys")


async def test_messages_are_walked_with_the_arrows(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    ts = await with_card(stage, page)
    await stage.app.post("#deploys", "a later one")
    await expect(page.locator("main .message", has_text="a later one")).to_be_visible()
    await page.focus(BOX)
    await page.keyboard.press("Shift+F6")
    await expect(page.locator("main .message", has_text="a later one").last).to_be_focused()
    await page.keyboard.press("ArrowUp")
    card = page.locator(f'main [data-ts="{ts}"]')
    await expect(card).to_be_focused()
    outline = await card.evaluate("(node) => getComputedStyle(node).outlineStyle")
    assert outline == "solid"
    await page.keyboard.press("t")
    await expect(page.locator(".thread-pane textarea")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(card).to_be_focused()
    await page.keyboard.press("m")
    await expect(page.get_by_role("menu", name="Message actions")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator(BOX)).to_be_focused()


async def test_the_quick_switcher(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("rele")
    await expect(page.get_by_role("dialog", name="Jump to").get_by_role("option")).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_contain_text("releases")
    await expect(page.locator(BOX)).to_be_focused()
    await page.keyboard.press("Meta+k")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.keyboard.press("Control+k")
    await page.keyboard.type("lee")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**as=lee*")


async def test_new_messages_are_spoken_and_updates_are_not(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    ts = await stage.app.post("#deploys", "a *new* one for <@U0DANA0001>")
    spoken = page.locator("#announcer p")
    await expect(spoken.last).to_have_text("Shipbell: a new one for @Dana Diaz")
    await stage.app.client.chat_update(channel=DEPLOYS, ts=ts, text="an update")
    await expect(page.locator(f'main [data-ts="{ts}"]')).to_contain_text("an update")
    await stage.app.post("#releases", "elsewhere, not for you")
    await stage.app.post("#releases", "elsewhere for <@U0DANA0001>")
    await expect(spoken.last).to_have_text("Shipbell in #releases: elsewhere for @Dana Diaz")
    assert not any("update" in text or "not for you" in text for text in await spoken.all_inner_texts())


async def test_every_control_has_a_name_and_ids_are_unique(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    ts = await with_card(stage, page)
    await page.goto(f"{stage.ws.url}/?as=dana#{DEPLOYS}/{ts}")
    await expect(page.locator(".thread-pane .block-actions").first).to_be_visible()
    found = await page.evaluate(probe("names"))
    assert found == {"twice": [], "nameless": [], "dangling": []}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_can_be_read_in_light_and_dark(stage: Stage, scheme: str) -> None:
    page = await stage.open("dana", "deploys", color_scheme=scheme)
    ts = await with_card(stage, page)
    await stage.app.client.chat_postEphemeral(channel=DEPLOYS, user="U0DANA0001", text="psst")
    await expect(page.locator("main .ephemeral", has_text="psst").last).to_be_visible()
    await page.goto(f"{stage.ws.url}/?as=dana#{DEPLOYS}/{ts}")
    await expect(page.locator(".thread-pane .block-actions").first).to_be_visible()
    await page.fill(".thread-pane textarea", "/deploy")
    await page.press(".thread-pane textarea", "Enter")
    assert await page.evaluate(probe("faint")) == []
    await page.locator("#person-switch").click()
    assert await page.evaluate(probe("faint")) == []
    await page.keyboard.press("Escape")
    await page.keyboard.press("Control+k")
    assert await page.evaluate(probe("faint")) == []


async def test_the_theme_follows_the_system_until_it_is_chosen(stage: Stage) -> None:
    page = await stage.open("dana", "deploys", color_scheme="dark")
    ground = "() => getComputedStyle(document.body).backgroundColor"
    dark = await page.evaluate(ground)
    toggle = page.locator("#theme-toggle")
    await toggle.click()
    await expect(toggle).to_have_attribute("aria-label", "Theme: light. Change")
    light = await page.evaluate(ground)
    assert light == "rgb(255, 255, 255)"
    assert dark != light
    await page.reload()
    await page.wait_for_selector("html[data-ready]")
    assert await page.evaluate(ground) == light
    await toggle.click()
    assert await page.evaluate(ground) == dark
    await toggle.click()
    await expect(toggle).to_have_attribute("aria-label", "Theme: auto. Change")


async def test_motion_is_stilled_where_people_ask_for_it(stage: Stage) -> None:
    page = await stage.open(
        "dana", "deploys", reduced_motion="reduce", viewport={"width": 375, "height": 812}
    )
    duration = await page.locator(".sidebar").evaluate("(node) => getComputedStyle(node).transitionProperty")
    assert duration == "none"


async def test_a_phone_has_a_drawer_a_full_thread_and_room_for_fingers(stage: Stage) -> None:
    page = await stage.open("dana", "deploys", **PHONE)
    ts = await with_card(stage, page)
    wide = "() => Math.max(document.documentElement.scrollWidth, document.querySelector('main').scrollWidth)"
    assert await page.evaluate(wide) <= 375
    assert await page.evaluate(probe("small")) == []

    await page.locator(".drawer-open").click()
    await expect(page.locator(".sidebar")).to_be_in_viewport(ratio=0.9)
    await expect(page.locator(".drawer-close")).to_be_focused()
    assert await page.evaluate(probe("small")) == []
    await page.keyboard.press("Escape")
    await expect(page.locator(".sidebar")).to_be_hidden()
    await expect(page.locator(".drawer-open")).to_be_focused()
    await page.locator(".drawer-open").click()
    await page.locator('[data-place="C0RELEASE1"]').click()
    await expect(page.locator("h1")).to_contain_text("releases")
    await expect(page.locator(".sidebar")).to_be_hidden()

    await page.goto(f"{stage.ws.url}/?as=dana#{DEPLOYS}/{ts}")
    pane = page.locator(".thread-pane")
    await expect(pane).to_be_visible()
    box = await pane.bounding_box()
    assert box is not None
    assert box["width"] == 375
    await expect(page.locator("main")).to_be_hidden()
    assert await page.evaluate(probe("small")) == []
    await page.get_by_role("button", name="Back to channel").click()
    await expect(page.locator("main")).to_be_visible()


@pytest.mark.parametrize("width", [320, 375, 768, 1024, 1920])
async def test_no_width_scrolls_sideways(stage: Stage, width: int) -> None:
    page = await stage.open("dana", "deploys", viewport={"width": width, "height": 700})
    ts = await with_card(stage, page)
    long = "wide" * 80
    await stage.app.post("#deploys", f"{long} `{long}`\n```{long}```", thread_ts=ts)
    await page.goto(f"{stage.ws.url}/?as=dana#{DEPLOYS}/{ts}")
    await expect(page.locator(".thread-pane .message", has_text=long)).to_be_visible()
    assert await page.evaluate(probe("sideways")) == []
