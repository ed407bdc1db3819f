"""Reading and writing on the page: channels, threads, unread marks, ephemerals, completion, and what happens when the server is away."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.support.page import Stage, actions, button, mrkdwn
from tests.support.workspace import running_workspace

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

BOX = "main .composer textarea"
DEPLOYS, RELEASES, QUIET = "C0DEPLOY01", "C0RELEASE1", "C0QUIET001"


async def say(page: Page, text: str, box: str = BOX) -> None:
    await page.fill(box, text)
    await page.press(box, "Enter")


async def test_people_in_two_tabs_of_one_browser_talk_and_see_what_is_unread(stage: Stage) -> None:
    dana = await stage.open("dana", "deploys")
    lee = await stage.tab(dana.context, "lee", "releases")
    assert "as=dana" in dana.url and "as=lee" in lee.url

    await dana.bring_to_front()
    await say(dana, "two tabs: @lee look & <see>")
    mine = dana.locator("main .message", has_text="two tabs").last
    await expect(mine.locator(".author")).to_have_text("Dana Diaz")
    await expect(mine.locator(".message-content")).to_have_text("two tabs: @Lee Larsen look & <see>")

    item = lee.locator(f'[data-place="{DEPLOYS}"]')
    await expect(item).to_have_class("side-item unread")
    await expect(item.locator(".badge")).to_have_text("1")
    await expect(item).to_have_attribute("aria-label", "Channel deploys, 1 unread, 1 mention")
    await expect(lee).to_have_title("(1) #releases · lee · Acme")

    await lee.bring_to_front()
    await item.click()
    await expect(lee.locator("main .new-line")).to_be_visible()
    await expect(lee.locator("main .message", has_text="two tabs").last.locator(".mention-me")).to_have_text(
        "@Lee Larsen"
    )
    await expect(item).to_have_class("side-item")
    # The mark is the server's, not only this page's.
    boot = await stage.ws.person("lee").boot()
    assert next(room for room in boot["channels"] if room["id"] == DEPLOYS)["unread"] == 0


async def test_messages_of_one_person_stand_together_under_a_day(stage: Stage) -> None:
    page = await stage.open("dana", "test-env")
    for text in ("grouped one", "grouped two"):
        await say(page, text)
        await expect(page.locator("main .message", has_text=text)).to_have_count(1)
        await expect(page.locator("main .pending")).to_have_count(0)
    await expect(page.locator("main .message", has_text="grouped one")).to_have_class("message")
    await expect(page.locator("main .message", has_text="grouped two")).to_have_class("message grouped")
    await expect(page.locator("main .day-line")).to_have_text("Today")


async def test_an_apps_message_has_its_badge_and_an_edited_one_says_so(stage: Stage) -> None:
    page = await stage.open("dana", "test-env")
    ts = await stage.app.post("#test-env", "first words")
    shown = page.locator(f'main [data-ts="{ts}"]')
    await expect(shown.locator(".badge-app")).to_have_text("APP")
    await stage.app.client.chat_update(channel="C0TESTENV1", ts=ts, text="second words")
    await expect(shown.locator(".message-content")).to_contain_text("second words")
    await expect(shown.locator(".edited")).to_have_text("(edited)")
    await stage.app.client.chat_delete(channel="C0TESTENV1", ts=ts)
    await expect(shown).to_have_count(0)


async def test_a_thread_is_opened_answered_counted_and_linked(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    ts = await stage.app.post("#deploys", "a parent")
    parent = page.locator(f'main [data-ts="{ts}"]')
    await parent.hover()
    await parent.locator('[data-tool="thread"]').click()
    await expect(page.locator(".thread-pane")).to_be_visible()
    assert page.url.endswith(f"#{DEPLOYS}/{ts}")
    await expect(page.locator(".thread-pane textarea")).to_be_focused()

    await say(page, "first answer", ".thread-pane textarea")
    await expect(page.locator(".thread-pane .message", has_text="first answer")).to_have_count(1)
    await expect(parent.locator(".thread-count")).to_have_text("1 reply")
    await stage.app.post("#deploys", "second answer", thread_ts=ts)
    await expect(parent.locator(".thread-count")).to_have_text("2 replies")
    await expect(page.locator(".thread-pane .replies-line")).to_have_text("2 replies")
    await expect(page.locator("main .message", has_text="second answer")).to_have_count(0)

    await page.keyboard.press("Escape")
    await expect(page.locator(".thread-pane")).to_be_hidden()
    await page.go_back()
    await expect(page.locator(".thread-pane")).to_be_visible()

    linked = await stage.open("lee", f"{DEPLOYS}/{ts}")
    await expect(linked.locator(".thread-pane .message", has_text="second answer")).to_be_visible()


async def test_a_slash_command_in_a_thread_is_refused_with_what_works(stage: Stage) -> None:
    ts = await stage.app.post("#deploys", "another parent")
    page = await stage.open("dana", f"{DEPLOYS}/{ts}")
    box = ".thread-pane textarea"
    await say(page, "/deploy shop test", box)
    notice = page.locator(".thread-pane .composer-notice")
    await expect(notice).to_contain_text("/deploy can’t be used in a thread")
    await expect(page.locator(box)).to_have_value("/deploy shop test")
    await notice.get_by_role("button").click()
    await expect(page.locator(box)).to_have_value("@shipbell deploy shop test")
    await page.press(box, "Enter")
    assert (await stage.app.take("mention"))["event"]["thread_ts"] == ts


async def test_an_ephemeral_message_is_seen_by_one_and_dismissed(stage: Stage) -> None:
    dana = await stage.open("dana", "deploys")
    lee = await stage.open("lee", "deploys")
    await stage.app.client.chat_postEphemeral(channel=DEPLOYS, user="U0DANA0001", text="between us")
    shown = dana.locator("main .message.ephemeral", has_text="between us")
    await expect(shown.locator(".private-line")).to_contain_text("Only visible to you")
    await stage.app.post("#deploys", "for all of you")
    await expect(lee.locator("main .message", has_text="for all of you")).to_be_visible()
    await expect(lee.locator("main .message", has_text="between us")).to_have_count(0)

    await shown.get_by_role("button", name="Dismiss").first.click()
    await expect(shown).to_have_count(0)
    await dana.reload()
    await expect(dana.locator("main .message", has_text="for all of you")).to_be_visible()
    await expect(shown).to_have_count(0)


async def test_a_command_waits_for_the_app_and_comes_back_when_it_does_not_answer(stage: Stage) -> None:
    stage.expected = ["503", "502", "504"]
    page = await stage.open("dana", "deploys")
    await say(page, "/deploy shop test")
    assert (await stage.app.take("command"))["text"] == "shop test"
    await expect(page.locator("main .pending")).to_have_count(0)

    stage.app.acking.clear()
    await say(page, "/deploy shop prod")
    await expect(page.locator("main .pending", has_text="shop prod")).to_contain_text("Waiting for Shipbell")
    await expect(page.locator(".toast-error")).to_contain_text("did not answer")
    await expect(page.locator("main .pending")).to_have_count(0)
    await expect(page.locator(BOX)).to_have_value("/deploy shop prod")
    await expect(page.locator("main .message.ephemeral", has_text="/deploy failed").last).to_be_visible()


async def test_what_could_not_be_sent_stays_and_can_be_tried_again(stage: Stage) -> None:
    stage.expected = ["404", "Failed to load resource"]
    page = await stage.open("dana", "deploys")
    await say(page, "/nosuch thing")
    failed = page.locator("main .pending.failed")
    await expect(failed).to_contain_text("not a valid command")
    await failed.get_by_role("button", name="Discard").click()
    await expect(failed).to_have_count(0)

    await page.route("**/client/send*", lambda route: route.abort())
    await say(page, "through a hole")
    await expect(failed).to_contain_text("does not answer")
    await page.unroute("**/client/send*")
    await failed.get_by_role("button", name="Try again").click()
    await expect(page.locator("main .message[data-ts]", has_text="through a hole")).to_be_visible()
    await expect(page.locator("main .pending")).to_have_count(0)


async def test_the_keyboard_completes_commands_words_people_and_emoji(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    box, popup = page.locator(BOX), page.locator("main .suggestions")
    await box.press_sequentially("/de")
    await expect(popup.locator(".suggestion.active")).to_contain_text("/deploy")
    await expect(popup).to_contain_text("SERVICE[@REF] [to] ENV")
    await box.press("Tab")
    await expect(box).to_have_value("/deploy ")
    await expect(popup.locator(".suggestion")).to_have_text(["shop"])
    # Nothing is marked after a finished word: Enter would send.
    await expect(popup.locator(".suggestion.active")).to_have_count(0)
    await box.press("ArrowDown")
    await box.press("Enter")
    await expect(box).to_have_value("/deploy shop ")
    await expect(popup.locator(".suggestion")).to_have_text(["test", "prod"])
    await box.press_sequentially("p")
    await expect(popup.locator(".suggestion.active")).to_have_text("prod")
    await box.press("Escape")
    await expect(popup).to_be_hidden()
    await box.press("Enter")
    assert (await stage.app.take("command"))["text"] == "shop p"

    await box.press_sequentially("ask @le")
    await expect(popup.locator(".suggestion").first).to_contain_text("@lee")
    await expect(box).to_have_attribute(
        "aria-activedescendant", await popup.locator(".suggestion").first.get_attribute("id") or "-"
    )
    await box.press("ArrowDown")
    await expect(popup.locator(".suggestion.active")).to_contain_text("@leads")
    await box.press("ArrowUp")
    await box.press("Enter")
    await expect(box).to_have_value("ask @lee ")
    await box.press_sequentially(":rock")
    await box.press("Tab")
    await expect(box).to_have_value("ask @lee :rocket: ")


async def test_enter_sends_shift_enter_breaks_and_up_recalls(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    box = page.locator(BOX)
    await box.press_sequentially("line one")
    await box.press("Shift+Enter")
    await box.press_sequentially("line two")
    await box.press("Enter")
    await expect(box).to_have_value("")
    sent = page.locator("main .message[data-ts]", has_text="line two").last
    assert (await sent.locator(".message-content").inner_text()).strip() == "line one\nline two"
    await say(page, "a later one")
    await box.press("ArrowUp")
    await expect(box).to_have_value("a later one")
    await box.press("ArrowUp")
    await expect(box).to_have_value("line one\nline two")
    await box.press("ArrowDown")
    await expect(box).to_have_value("a later one")
    await box.press("ArrowDown")
    await expect(box).to_have_value("")


async def test_a_draft_waits_in_its_channel(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    await page.fill(BOX, "half a thought")
    await page.locator(f'[data-place="{RELEASES}"]').click()
    await expect(page.locator(BOX)).to_have_value("")
    await page.locator(f'[data-place="{DEPLOYS}"]').click()
    await expect(page.locator(BOX)).to_have_value("half a thought")


async def test_a_card_changes_in_place_and_nothing_jumps(stage: Stage) -> None:
    page = await stage.open("dana", "releases", viewport={"width": 1000, "height": 500})

    def card(step: int) -> dict[str, object]:
        text = mrkdwn(f"step *{step}*" + "\nmore" * (step % 3))
        return {
            "blocks": [
                {"type": "section", "block_id": "s", "text": text},
                actions("a", button("stop", "Abort"), button(f"b{step % 2}", "Other")),
            ]
        }

    ts = await stage.app.post("#releases", "card", **card(0))
    for number in range(12):
        await stage.app.post("#releases", f"filler {number}")
    await expect(page.locator("main .message", has_text="filler 11")).to_be_in_viewport()
    shown = page.locator(f'main [data-ts="{ts}"]')

    await shown.locator('[data-action="stop"]').focus()
    await shown.evaluate("(node) => { node.closest('.scroller').scrollTop = node.offsetTop - 20; }")
    await page.evaluate("(ts) => { window.card = document.querySelector(`main [data-ts='${ts}']`); }", ts)
    place = "() => ({top: document.querySelector('main .scroller').scrollTop, y: window.card.getBoundingClientRect().top})"
    before = await page.evaluate(place)
    for step in range(1, 6):
        await stage.app.client.chat_update(channel=RELEASES, ts=ts, text="card", **card(step))
        await expect(shown.locator(".section")).to_contain_text(f"step {step}")
        assert (await page.evaluate(place))["y"] == pytest.approx(before["y"], abs=1)
    await expect(shown.locator('[data-action="stop"]')).to_be_focused()
    assert await page.evaluate("() => window.card.isConnected")

    await page.locator("main .jump").click()
    await expect(page.locator("main .message", has_text="filler 11")).to_be_in_viewport()
    await stage.app.post("#releases", "a new last one")
    await expect(page.locator("main .message", has_text="a new last one")).to_be_in_viewport()


async def test_the_focus_survives_blocks_that_come_go_and_change_their_ids(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    section = {"type": "section", "text": mrkdwn("words")}
    buttons = {"type": "actions", "elements": [button("stop", "Abort"), button("more", "More")]}
    # Neither has a block_id: the server makes new ones at every update.
    ts = await stage.app.post("#deploys", "card", blocks=[section, {"type": "divider"}, section, buttons])
    shown = page.locator(f'main [data-ts="{ts}"]')
    await shown.get_by_role("button", name="More", exact=True).focus()
    for blocks in (
        [section, {"type": "divider"}, section, buttons],
        [section, buttons],
        [section, {"type": "divider"}, buttons],
    ):
        await stage.app.client.chat_update(
            channel=DEPLOYS,
            ts=ts,
            text="card",
            blocks=[*blocks, {"type": "context", "elements": [mrkdwn(str(len(blocks)))]}],
        )
        await expect(shown.locator(".context")).to_have_text(str(len(blocks)))
        if len(blocks) == 4:
            await expect(shown.get_by_role("button", name="More", exact=True)).to_be_focused()

    named = [{**section, "block_id": "s"}, {**section, "block_id": "t"}, {**buttons, "block_id": "a"}]
    await stage.app.client.chat_update(channel=DEPLOYS, ts=ts, text="card", blocks=named)
    await expect(shown.locator(".context")).to_have_count(0)
    await shown.get_by_role("button", name="More", exact=True).focus()
    await stage.app.client.chat_update(channel=DEPLOYS, ts=ts, text="card", blocks=[named[0], named[2]])
    await expect(shown.locator(".section")).to_have_count(1)
    await expect(shown.get_by_role("button", name="More", exact=True)).to_be_focused()


async def test_a_reaction_is_shown_and_joined(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    ts = await stage.app.post("#deploys", "react to me")
    await stage.ws.person("lee").post("react", channel=DEPLOYS, ts=ts, name="rocket")
    reaction = page.locator(f'main [data-ts="{ts}"] .reaction')
    await expect(reaction).to_have_text("🚀1")
    await reaction.click()
    await expect(reaction).to_have_text("🚀2")
    await expect(reaction).to_have_attribute("aria-label", "rocket, 2: Lee Larsen, Dana Diaz")
    await reaction.click()
    await expect(reaction).to_have_text("🚀1")


async def test_who_has_scrolled_up_stays_there_and_is_told_of_news(stage: Stage) -> None:
    for number in range(70):
        last = await stage.app.post("#test-env", f"line {number:02d}")
    await stage.ws.person("tess").post("read", channel="C0TESTENV1", ts=last)
    page = await stage.open("tess", "test-env", viewport={"width": 1000, "height": 500})
    await expect(page.locator("main .message", has_text="line 69")).to_be_in_viewport()
    await expect(page.locator("main .message", has_text="line 00")).to_have_count(0)

    # Older history is fetched on the way up, and what was being read stays in place.
    await page.evaluate("() => { document.querySelector('main .scroller').scrollTop = 0; }")
    await expect(page.locator("main .message", has_text="line 00")).to_have_count(1)
    top = await page.evaluate("() => document.querySelector('main .scroller').scrollTop")
    assert top > 0
    await stage.app.post("#test-env", "below the fold")
    await expect(page.locator("main .jump")).to_have_text("1 new message")
    assert await page.evaluate("() => document.querySelector('main .scroller').scrollTop") == pytest.approx(
        top, abs=1
    )


async def test_a_first_time_visitor_is_shown_what_to_try(stage: Stage) -> None:
    page = await stage.open("dana", QUIET)
    hints = page.locator(".hints")
    await expect(hints.locator("code")).to_have_text(["/deploy shop test", "@shipbell status"])
    await hints.get_by_role("button").first.click()
    await expect(page.locator(BOX)).to_have_value("/deploy shop test")
    await expect(page.locator(BOX)).to_be_focused()
    # The other one is for another person in another channel: it goes there and waits in the box.
    await hints.get_by_role("button").nth(1).click()
    await page.wait_for_url("**as=lee#C0RELEASE1")
    await expect(page.locator(BOX)).to_have_value("@shipbell status")


async def test_the_person_switch_and_the_shortcut_menu(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    await page.get_by_role("button", name="Shortcuts and commands").click()
    await page.get_by_role("menuitem", name="Deploy a service Shipbell").click()
    assert (await stage.app.take("shortcut"))["callback_id"] == "deploy_shortcut"

    ts = await stage.app.post("#deploys", "explain me")
    shown = page.locator(f'main [data-ts="{ts}"]')
    await shown.hover()
    await shown.locator('[data-tool="more"]').click()
    await page.get_by_role("menuitem", name="Explain this").click()
    body = await stage.app.take("shortcut")
    assert (body["callback_id"], body["message"]["ts"]) == ("explain", ts)

    await page.locator("#person-switch").click()
    await page.get_by_role("menuitemradio", name="Tess Tanaka").click()
    await page.wait_for_url("**as=tess#C0DEPLOY01")
    await expect(page.locator(".me-name")).to_have_text("Tess Tanaka")


async def test_links_within_the_workspace_stay_on_the_page(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    ts = await stage.app.post("#releases", "the target")
    link = (await stage.app.client.chat_getPermalink(channel=RELEASES, message_ts=ts))["permalink"]
    here = await stage.app.post("#deploys", f"see <{link}|over there> and <#{RELEASES}>")
    await page.evaluate("() => { window.same = true; }")
    await page.locator(f'main [data-ts="{here}"] a', has_text="over there").click()
    await expect(page.locator(".thread-pane .message", has_text="the target")).to_be_visible()
    assert await page.evaluate("() => window.same")
    assert "as=dana" in page.url


async def test_more_tabs_than_a_browser_has_connections(stage: Stage) -> None:
    first = await stage.open("dana", "deploys")
    tabs = [await stage.tab(first.context, person, "deploys") for person in ("lee", "tess", "max") * 3]
    await stage.app.post("#deploys", "to all ten")
    for tab in (first, *tabs):
        await expect(tab.locator("main .message", has_text="to all ten")).to_have_count(1)
    # The others go on hearing when one is closed.
    await tabs[0].close()
    await stage.app.post("#deploys", "to all nine")
    await expect(tabs[3].locator("main .message", has_text="to all nine")).to_have_count(1)


async def test_a_browser_without_shared_workers_hears_too(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    await page.add_init_script("delete globalThis.SharedWorker")
    await page.reload()
    await page.wait_for_selector("html[data-ready]")
    await stage.app.post("#deploys", "without a worker")
    await expect(page.locator("main .message", has_text="without a worker")).to_have_count(1)


async def test_a_workspace_that_began_anew_is_read_anew(stage: Stage, tmp_path: Path) -> None:
    async with running_workspace(tmp_path) as ws:
        context = await stage.browser.new_context()
        page = await context.new_page()
        await page.goto(f"{ws.url}/?as=dana")
        await page.wait_for_selector("html[data-ready]")
        for number in range(3):
            await ws.person("lee").say(f"old {number}")
        await expect(page.locator("main .message", has_text="old 2")).to_have_count(1)
        await ws.stop()
        for file in ws.directory.iterdir():
            file.unlink()
        await ws.start()
        await expect(page.locator("main .message", has_text="old 2")).to_have_count(0)
        await ws.person("lee").say("new and first")
        await expect(page.locator("main .message", has_text="new and first")).to_have_count(1)
        await context.close()


async def test_a_guest_reads_where_they_may_and_writes_nowhere_else(stage: Stage) -> None:
    page = await stage.open("gus", "deploys")
    await expect(page.locator('.side-item[data-place^="C"]')).to_have_count(2)
    await stage.ws.control("channel", name="quiet", archived=True)
    await page.locator(f'[data-place="{QUIET}"]').click()
    await expect(page.locator("main .banner")).to_contain_text("archived")
    await expect(page.locator(BOX)).to_be_hidden()
    await stage.ws.control("channel", name="quiet", archived=False)
    await expect(page.locator(BOX)).to_be_visible()


async def test_somebody_unknown_is_shown_who_there_is(stage: Stage) -> None:
    stage.expected = [".*"]
    page = await stage.browser.new_page()
    await page.goto(f"{stage.ws.url}/?as=nobody")
    await expect(page.get_by_role("alert")).to_contain_text("nobody called 'nobody'")
    await page.get_by_role("link", name="Tess Tanaka").click()
    await expect(page.locator(".me-name")).to_have_text("Tess Tanaka")
    # Without a name it is who it was last time.
    await page.goto(f"{stage.ws.url}/")
    await page.wait_for_url("**as=tess*")
    await page.context.close()


async def test_the_page_comes_back_after_the_server_was_away(stage: Stage, tmp_path: Path) -> None:
    stage.expected = ["Failed to load resource", "ERR_", "EventSource"]
    async with running_workspace(tmp_path) as ws:
        context = await stage.browser.new_context()
        page = await context.new_page()
        await page.goto(f"{ws.url}/?as=dana")
        await page.wait_for_selector("html[data-ready]")
        await expect(page.locator(".connection")).to_have_text("Shipbell is not connected")
        await expect(page.locator("main .banner")).to_contain_text("not connected")
        await ws.stop(kill=True)
        await expect(page.locator(".offline")).to_be_visible()
        await ws.start()
        await ws.person("lee").say("said meanwhile")
        await expect(page.locator("main .message", has_text="said meanwhile")).to_have_count(1)
        await expect(page.locator(".offline")).to_be_hidden()
        await say(page, "back again")
        await expect(page.locator("main .message[data-ts]", has_text="back again")).to_have_count(1)
        await context.close()
