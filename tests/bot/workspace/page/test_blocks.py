"""Block Kit on the page: everything a deploy bot shows is drawn and works, and what is not known is refused loudly."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.support.page import Json, Stage, actions, button, entry, mrkdwn, option, plain, probe

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def post(stage: Stage, page: Page, *blocks: Json) -> Locator:
    ts = await stage.app.post("#deploys", "blocks", blocks=list(blocks))
    shown = page.locator(f'main [data-ts="{ts}"]')
    await expect(shown).to_be_visible()
    return shown


async def draw(page: Page, blocks: list[Any]) -> None:
    await page.evaluate(probe("blocks"), {"blocks": blocks, "className": "probe"})


def section(block_id: str, accessory: Json) -> Json:
    return {"type": "section", "block_id": block_id, "text": mrkdwn("Choose"), "accessory": accessory}


async def test_layout_blocks_are_drawn(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    dot = f"{stage.ws.url}/assets/bell.svg"
    shown = await post(
        stage,
        page,
        {"type": "header", "text": plain("shop :rocket:")},
        {
            "type": "section",
            "text": mrkdwn("*one* <@U0DANA0001>"),
            "fields": [mrkdwn("*a*\n1"), plain("b *2*")],
        },
        {"type": "divider"},
        {
            "type": "context",
            "elements": [{"type": "image", "image_url": dot, "alt_text": "a dot"}, mrkdwn("_small_")],
        },
        {"type": "image", "image_url": dot, "alt_text": "a big dot", "title": plain("Dot")},
        {
            "type": "rich_text",
            "elements": [
                {
                    "type": "rich_text_section",
                    "elements": [
                        {"type": "text", "text": "rich", "style": {"bold": True, "italic": True}},
                        {"type": "emoji", "name": "x"},
                    ],
                },
                {
                    "type": "rich_text_list",
                    "style": "ordered",
                    "offset": 2,
                    "elements": [
                        {"type": "rich_text_section", "elements": [{"type": "user", "user_id": "U0LEE00001"}]}
                    ],
                },
                {"type": "rich_text_quote", "elements": [{"type": "text", "text": "quoted"}]},
                {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "raw *text*"}]},
            ],
        },
    )
    await expect(shown.get_by_role("heading", name="shop")).to_contain_text("🚀")
    await expect(shown.locator(".field")).to_have_text(["a1", "b *2*"])
    await expect(shown.get_by_role("separator")).to_have_count(1)
    await expect(shown.get_by_role("img", name="a dot")).to_be_visible()
    await expect(shown.get_by_role("img", name="a big dot")).to_be_visible()
    await expect(shown.locator(".rich-text strong em")).to_have_text("rich")
    await expect(shown.locator(".rich-text li")).to_have_text("3.@Lee Larsen")
    await expect(shown.locator(".rich-text blockquote")).to_have_text("quoted")
    await expect(shown.locator(".rich-text pre")).to_have_text("raw *text*")
    await expect(shown.locator("[data-loud]")).to_have_count(0)


REFUSED: list[tuple[Any, str]] = [
    ({"type": "video", "title": "x"}, 'a block of type "video"'),
    ({"type": "constructor"}, 'a block of type "constructor"'),
    (
        {"type": "actions", "elements": [{"type": "workflow_button", "action_id": "w"}]},
        'an element of type "workflow_button"',
    ),
    (
        {"type": "section", "text": {"type": "mrkdwn", "text": "x"}, "accessory": {"type": "toString"}},
        'an element of type "toString"',
    ),
    ({"type": "image", "image_url": "https://far.example/a.png", "alt_text": "x"}, "this machine only"),
    (
        {"type": "image", "image_url": "http://127.0.0.1.far.example/a.png", "alt_text": "x"},
        "this machine only",
    ),
    ({"type": "context", "elements": [{"type": "button"}]}, "can't hold an element"),
    ({"type": "header"}, "malformed"),
    ({"type": "section"}, "needs text or fields"),
    (
        {
            "type": "actions",
            "elements": [{"type": "button", "action_id": "b", "style": "purple", "text": {"text": "x"}}],
        },
        "style can't be",
    ),
    (None, "(none)"),
]


async def test_what_is_not_known_is_refused_loudly(stage: Stage) -> None:
    stage.expected = [".*"]
    page = await stage.open("dana", "deploys")
    for block, says in REFUSED:
        stage.complaints.clear()
        await draw(page, [block, {"type": "divider"}])
        box = page.locator(".probe").last
        await expect(box.locator("[data-loud]")).to_contain_text(says)
        # What stands beside it is drawn all the same.
        await expect(box.locator("hr")).to_have_count(1)
        assert any("console error" in line for line in stage.complaints), says


async def test_a_button_is_busy_until_the_app_has_it(stage: Stage) -> None:
    page = await stage.open("lee", "deploys")
    shown = await post(
        stage,
        page,
        actions(
            "a", button("approve", "Approve", style="primary"), button("reject", "Reject", style="danger")
        ),
    )
    approve, reject = shown.locator('[data-action="approve"]'), shown.locator('[data-action="reject"]')
    await expect(approve).to_have_class("btn btn-primary")
    await expect(reject).to_have_class("btn btn-danger")
    stage.app.acking.clear()
    await approve.click()
    await expect(approve).to_have_attribute("aria-busy", "true")
    await expect(reject).to_have_attribute("aria-disabled", "true")
    await reject.click(force=True)
    await approve.click(force=True)
    stage.app.acking.set()
    body = await stage.app.take("action")
    assert (body["user"]["name"], body["actions"][0]["action_id"], body["actions"][0]["value"]) == (
        "lee",
        "approve",
        "approve",
    )
    await expect(approve).not_to_have_attribute("aria-busy", "true")
    assert stage.app.got.empty()


async def test_a_button_that_nobody_answers_says_so(stage: Stage) -> None:
    stage.expected = ["Failed to load resource"]
    page = await stage.open("lee", "deploys")
    shown = await post(stage, page, actions("a", button("approve", "Approve")))
    stage.app.acking.clear()
    await shown.locator('[data-action="approve"]').click()
    await expect(shown.locator(".block-note")).to_contain_text("did not answer")
    await expect(shown.locator('[data-action="approve"]')).not_to_have_attribute("aria-busy", "true")
    stage.app.acking.set()
    await stage.app.take("action")
    await shown.locator('[data-action="approve"]').click()
    await stage.app.take("action")
    await expect(shown.locator(".block-note")).to_have_count(0)


async def test_a_confirmation_is_asked_for_and_can_be_denied(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    confirm = {
        "title": plain("Abort #12?"),
        "text": mrkdwn("*Stop* here?"),
        "confirm": plain("Abort"),
        "deny": plain("Keep going"),
        "style": "danger",
    }
    shown = await post(stage, page, actions("a", button("abort", "Abort", confirm=confirm)))
    press = shown.locator('[data-action="abort"]')
    dialog = page.get_by_role("alertdialog", name="Abort #12?")
    await press.click()
    await expect(dialog.locator("strong")).to_have_text("Stop")
    await expect(dialog.get_by_role("button", name="Abort")).to_be_focused()
    await dialog.get_by_role("button", name="Keep going").click()
    await expect(dialog).to_have_count(0)
    await expect(press).to_be_focused()
    await press.click()
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    assert stage.app.got.empty()
    await press.click()
    await page.keyboard.press("Enter")
    assert (await stage.app.take("action"))["actions"][0]["action_id"] == "abort"


async def test_a_link_button_opens_its_page_and_tells_the_app(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    shown = await post(
        stage, page, actions("a", button("docs", "Docs", url=f"{stage.ws.url}/control/health"))
    )
    link = shown.get_by_role("link", name="Docs")
    assert await link.get_attribute("rel") == "noopener noreferrer"
    async with page.context.expect_page() as opened:
        await link.click()
    assert (await opened.value).url.endswith("/control/health")
    assert (await stage.app.take("action"))["actions"][0]["action_id"] == "docs"


async def test_a_select_is_searched_with_the_keyboard(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    groups = [
        {"label": plain("Web"), "options": [option("shop", "Shop"), option("cart", "Cart")]},
        {"label": plain("Jobs"), "options": [option("mail", "Mailer")]},
    ]
    shown = await post(
        stage,
        page,
        section(
            "s",
            {
                "type": "static_select",
                "action_id": "svc",
                "placeholder": plain("Service"),
                "option_groups": groups,
            },
        ),
    )
    select = shown.get_by_role("combobox", name="Service")
    await select.focus()
    await select.press("ArrowDown")
    box = page.get_by_role("listbox", name="Service")
    await expect(box.get_by_role("option")).to_have_text(["Shop", "Cart", "Mailer"])
    await expect(box.locator(".menu-heading")).to_have_text(["Web", "Jobs"])
    await page.keyboard.press("Escape")
    await expect(box).to_have_count(0)
    await expect(select).to_be_focused()
    await select.press("ArrowDown")
    await page.keyboard.type("ma")
    await page.keyboard.press("Enter")
    action = (await stage.app.take("action"))["actions"][0]
    assert (action["action_id"], action["selected_option"]["value"]) == ("svc", "mail")
    await expect(select).to_contain_text("Mailer")
    await expect(select).to_be_focused()


async def test_choices_of_every_kind_reach_the_app(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    options = [option("a", "Alpha"), option("b", "Beta")]
    shown = await post(
        stage,
        page,
        section(
            "many",
            {
                "type": "multi_static_select",
                "action_id": "many",
                "placeholder": plain("Several"),
                "options": options,
            },
        ),
        section("menu", {"type": "overflow", "action_id": "menu", "options": options}),
        section(
            "radio",
            {"type": "radio_buttons", "action_id": "radio", "options": options, "initial_option": options[1]},
        ),
        section("boxes", {"type": "checkboxes", "action_id": "boxes", "options": options}),
        section("day", {"type": "datepicker", "action_id": "day", "initial_date": "2026-01-02"}),
        section("who", {"type": "users_select", "action_id": "who", "placeholder": plain("Person")}),
        section(
            "where", {"type": "conversations_select", "action_id": "where", "placeholder": plain("Place")}
        ),
    )

    await shown.get_by_role("combobox", name="Several").click()
    await page.get_by_role("option", name="Alpha").click()
    await page.get_by_role("option", name="Beta").click()
    await page.keyboard.press("Escape")
    assert [one["value"] for one in (await stage.app.take("action"))["actions"][0]["selected_options"]] == [
        "a",
        "b",
    ]
    await expect(shown.locator(".chip")).to_have_text(["Alpha", "Beta"])

    await shown.get_by_role("button", name="More options").click()
    await page.get_by_role("menuitem", name="Beta").click()
    assert (await stage.app.take("action"))["actions"][0]["selected_option"]["value"] == "b"

    await expect(shown.get_by_role("radio", name="Beta")).to_be_checked()
    await shown.get_by_role("radio", name="Alpha").check()
    assert (await stage.app.take("action"))["actions"][0]["selected_option"]["value"] == "a"

    await shown.get_by_role("checkbox", name="Beta").check()
    assert [one["value"] for one in (await stage.app.take("action"))["actions"][0]["selected_options"]] == [
        "b"
    ]

    day = shown.locator('[data-action="day"]')
    await expect(day).to_have_value("2026-01-02")
    await day.fill("2026-03-04")
    assert (await stage.app.take("action"))["actions"][0]["selected_date"] == "2026-03-04"

    await shown.get_by_role("combobox", name="Person").click()
    await page.keyboard.type("tess")
    await page.keyboard.press("Enter")
    assert (await stage.app.take("action"))["actions"][0]["selected_user"] == "U0TESS0001"

    await shown.get_by_role("combobox", name="Place").click()
    await page.keyboard.type("rel")
    await page.keyboard.press("Enter")
    body = await stage.app.take("action")
    assert body["actions"][0]["selected_conversation"] == "C0RELEASE1"
    # What was chosen elsewhere in the message goes along as its state.
    assert body["state"]["values"]["radio"]["radio"]["selected_option"]["value"] == "a"


async def test_a_choice_outlives_an_update_of_its_message(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    select = section(
        "s",
        {
            "type": "static_select",
            "action_id": "x",
            "placeholder": plain("Env"),
            "options": [option("test"), option("prod")],
        },
    )
    shown = await post(stage, page, select)
    await shown.get_by_role("combobox").click()
    ts = await shown.get_attribute("data-ts") or ""
    # An update while the list is open leaves it open.
    await stage.app.client.chat_update(
        channel="C0DEPLOY01", ts=ts, text="blocks", blocks=[select, {"type": "divider"}]
    )
    await expect(shown.get_by_role("separator")).to_have_count(1)
    await expect(page.get_by_role("option", name="prod")).to_be_visible()
    await page.get_by_role("option", name="prod").click()
    await stage.app.take("action")
    await stage.app.client.chat_update(channel="C0DEPLOY01", ts=ts, text="blocks", blocks=[select])
    await expect(shown.get_by_role("separator")).to_have_count(0)
    await expect(shown.get_by_role("combobox")).to_contain_text("prod")


async def test_an_input_that_dispatches_does_so_on_enter(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    shown = await post(
        stage, page, entry("why", "Reason", {"type": "plain_text_input"}, dispatch_action=True)
    )
    field = shown.get_by_label("Reason")
    await field.fill("because")
    assert stage.app.got.empty()
    await field.press("Enter")
    assert (await stage.app.take("action"))["actions"][0]["value"] == "because"


async def test_an_external_select_asks_the_app(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    stage.app.choices = [option("v1", "1.0.0"), option("v2", "2.0.0")]
    shown = await post(
        stage,
        page,
        section(
            "s",
            {
                "type": "external_select",
                "action_id": "ver",
                "placeholder": plain("Version"),
                "min_query_length": 0,
            },
        ),
    )
    await shown.get_by_role("combobox", name="Version").click()
    await page.keyboard.type("2.")
    await expect(page.get_by_role("option")).to_have_text(["2.0.0"])
    await page.keyboard.press("Enter")
    assert (await stage.app.take("action"))["actions"][0]["selected_option"]["value"] == "v2"


async def test_coloured_attachments_carry_blocks_and_tables_are_tables(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    ts = await stage.app.post(
        "#deploys",
        "bar",
        attachments=[{"color": "#c22742", "blocks": [{"type": "section", "text": mrkdwn("*failed*")}]}],
    )
    bar = page.locator(f'main [data-ts="{ts}"] .attachment')
    await expect(bar.locator("strong")).to_have_text("failed")
    assert await bar.evaluate("(node) => getComputedStyle(node).borderLeftColor") == "rgb(194, 39, 66)"
    rows = [
        [{"type": "raw_text", "text": text} for text in line]
        for line in (["service", "prod"], ["shop", "1.4.2"])
    ]
    await draw(
        page, [{"type": "table", "rows": rows, "column_settings": [{"align": "left"}, {"align": "right"}]}]
    )
    await expect(page.locator(".probe").get_by_role("columnheader")).to_have_text(["service", "prod"])
    await expect(page.locator(".probe").get_by_role("cell")).to_have_text(["shop", "1.4.2"])
