"""Modals and the App Home on the page: the stack, what is entered, errors, focus."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect
from slack_sdk.web.async_client import AsyncWebClient

from tests.support.page import Json, Stage, actions, button, entry, mrkdwn, option, plain

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

BOX = "main .composer textarea"


def modal(title: str, *blocks: Json, **fields: object) -> Json:
    return {
        "type": "modal",
        "callback_id": "m",
        "title": plain(title),
        "submit": plain("Deploy"),
        "close": plain("Cancel"),
        "blocks": list(blocks),
        **fields,
    }


SERVICE = entry(
    "service",
    "Service",
    {"type": "static_select", "placeholder": plain("Choose"), "options": [option("shop"), option("cart")]},
)
REF = entry(
    "ref", "Ref", {"type": "plain_text_input", "placeholder": plain("main")}, hint=plain("A branch or tag")
)
WHY = entry("why", "Reason", {"type": "plain_text_input", "multiline": True}, optional=True)


async def opened(stage: Stage, page: Page, view: Json) -> Locator:
    async def on_command(body: Json, client: AsyncWebClient) -> None:
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    stage.app.on["command"] = on_command
    await page.fill(BOX, "/deploy")
    await page.press(BOX, "Enter")
    dialog = page.get_by_role("dialog", name=view["title"]["text"])
    await expect(dialog).to_be_visible()
    await stage.app.take("command")
    return dialog


async def test_a_form_is_filled_with_the_keyboard_and_submitted(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    dialog = await opened(stage, page, modal("Deploy a service", SERVICE, REF, WHY))
    select = dialog.get_by_role("combobox")
    await expect(select).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.type("ca")
    await page.keyboard.press("Enter")
    await expect(select).to_contain_text("cart")
    await page.keyboard.press("Tab")
    await expect(dialog.get_by_label("Ref")).to_be_focused()
    await page.keyboard.type("v1.2")
    await page.keyboard.press("Tab")
    await page.keyboard.type("two")
    await page.keyboard.press("Enter")
    await page.keyboard.type("lines")
    await page.keyboard.press("Control+Enter")
    values = (await stage.app.take("submission"))["view"]["state"]["values"]
    assert values["service"]["v"]["selected_option"]["value"] == "cart"
    assert values["ref"]["v"] == {"type": "plain_text_input", "value": "v1.2"}
    assert values["why"]["v"]["value"] == "two\nlines"
    await expect(dialog).to_have_count(0)
    await expect(page.locator(BOX)).to_be_focused()


async def test_what_is_missing_or_wrong_is_said_under_its_input(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    dialog = await opened(stage, page, modal("Deploy a service", SERVICE, REF))
    await dialog.get_by_role("button", name="Deploy").click()
    await expect(dialog.locator(".input-error")).to_have_text(["Please complete this required field."] * 2)
    await expect(dialog.get_by_role("combobox")).to_be_focused()
    await expect(dialog.get_by_role("combobox")).to_have_attribute("aria-invalid", "true")
    assert stage.app.got.empty()

    await dialog.get_by_role("combobox").click()
    await page.keyboard.press("Enter")
    await dialog.get_by_label("Ref").fill("maim")
    stage.app.submission = {
        "response_action": "errors",
        "errors": {"ref": "There is no ref “maim”. Did you mean “main”?"},
    }
    await dialog.get_by_role("button", name="Deploy").click()
    field = dialog.get_by_label("Ref")
    await expect(dialog.locator(".input-error")).to_have_text(
        ["There is no ref “maim”. Did you mean “main”?"]
    )
    await expect(field).to_be_focused()
    await expect(field).to_have_value("maim")
    described = (await field.get_attribute("aria-describedby") or "").split()
    assert [await page.locator(f"#{one}").inner_text() for one in described] == [
        "There is no ref “maim”. Did you mean “main”?",
        "A branch or tag",
    ]

    stage.app.submission = {}
    await field.fill("main")
    await field.press("Enter")
    await expect(dialog).to_have_count(0)


async def test_tab_stays_inside_and_escape_closes(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    dialog = await opened(stage, page, modal("Deploy a service", REF, notify_on_close=True))
    inside = "() => document.querySelector('dialog.modal').contains(document.activeElement)"
    for key in ["Tab"] * 8 + ["Shift+Tab"] * 8:
        await page.keyboard.press(key)
        assert await page.evaluate(inside), key
    await dialog.get_by_label("Ref").fill("x")
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    assert (await stage.app.take("closed"))["is_cleared"] is False
    await expect(page.locator(BOX)).to_be_focused()
    # It is closed on the server too.
    await page.reload()
    await page.wait_for_selector("html[data-ready]")
    await expect(page.locator("dialog")).to_have_count(0)


async def test_views_are_pushed_updated_and_left_again(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    dialog = await opened(
        stage, page, modal("First", REF, actions("go", button("push", "More"), button("change", "Change")))
    )
    await dialog.get_by_label("Ref").fill("kept")

    async def on_action(body: Json, client: AsyncWebClient) -> None:
        if body["actions"][0]["action_id"] == "push":
            await client.views_push(trigger_id=body["trigger_id"], view=modal("Second", WHY))
        else:
            changed = modal(
                "First",
                REF,
                {"type": "section", "text": mrkdwn("now *changed*")},
                actions("go", button("push", "More")),
            )
            await client.views_update(view_id=body["view"]["id"], view=changed)

    stage.app.on["action"] = on_action
    await dialog.get_by_role("button", name="Change").click()
    await expect(dialog.locator(".section")).to_have_text("now changed")
    await expect(dialog.get_by_label("Ref")).to_have_value("kept")
    await dialog.get_by_role("button", name="More").click()
    second = page.get_by_role("dialog", name="Second")
    await expect(second.get_by_label("Reason")).to_be_focused()
    await second.get_by_role("button", name="Back").click()
    await expect(dialog.get_by_label("Ref")).to_have_value("kept")

    # An open modal is there again after a reload, with what its state held.
    await dialog.get_by_role("button", name="More").click()
    await expect(second).to_be_visible()
    await page.reload()
    await expect(second).to_be_visible()
    await second.get_by_role("button", name="Close").click()
    await expect(page.locator("dialog")).to_have_count(0)


async def test_a_submission_that_nobody_answers_keeps_what_was_entered(stage: Stage) -> None:
    stage.expected = ["Failed to load resource"]
    page = await stage.open("dana", "deploys")
    dialog = await opened(stage, page, modal("Deploy a service", REF))
    await dialog.get_by_label("Ref").fill("main")
    stage.app.acking.clear()
    await dialog.get_by_role("button", name="Deploy").click()
    await expect(dialog.get_by_role("button", name="Deploy")).to_have_attribute("aria-busy", "true")
    await expect(dialog.locator(".modal-failure")).to_contain_text("did not answer")
    await expect(dialog.get_by_label("Ref")).to_have_value("main")
    stage.app.acking.set()
    await stage.app.take("submission")
    await dialog.get_by_role("button", name="Deploy").click()
    await expect(dialog).to_have_count(0)


async def test_the_home_is_published_pressed_and_published_again(stage: Stage) -> None:
    def home(text: str) -> Json:
        return {
            "type": "home",
            "blocks": [
                {
                    "type": "section",
                    "block_id": "s",
                    "text": mrkdwn(text),
                    "accessory": button("open", "Open"),
                }
            ],
        }

    async def on_home(body: Json, client: AsyncWebClient) -> None:
        await client.views_publish(user_id=body["event"]["user"], view=home("*nothing* waits"))

    stage.app.on["home"] = on_home
    page = await stage.open("tess", "home")
    await expect(page.locator("main .section")).to_contain_text("nothing waits")
    await expect(page).to_have_title("Shipbell Home · tess · Acme")

    async def on_action(body: Json, client: AsyncWebClient) -> None:
        await client.views_publish(user_id=body["user"]["id"], view=home("opened by " + body["user"]["name"]))

    stage.app.on["action"] = on_action
    await page.locator("main").get_by_role("button", name="Open").click()
    await expect(page.locator("main .section")).to_contain_text("opened by tess")
    await page.get_by_role("link", name="Messages").click()
    await expect(page.locator(BOX)).to_be_visible()
    await page.fill(BOX, "hello app")
    await page.press(BOX, "Enter")
    await expect(page.locator("main .message[data-ts]", has_text="hello app")).to_be_visible()


async def test_a_home_that_was_never_published_says_so(stage: Stage) -> None:
    page = await stage.open("max", "home")
    await expect(page.locator("main .blank")).to_contain_text("Shipbell has nothing here yet")
