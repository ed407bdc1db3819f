"""How the page reads mrkdwn, and that nothing that anybody writes becomes markup."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.support.page import Stage, actions, button, entry, mrkdwn, option, plain, probe

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

CASES = {
    "a *bold* _it_ ~no~ `x = 1`": "<div>a <strong>bold</strong> <em>it</em> <del>no</del> <code>x = 1</code></div>",
    "*_both_* and _*both*_": "<div><strong><em>both</em></strong> and <em><strong>both</strong></em></div>",
    "2*3*4 snake_case_name a ~ b": "<div>2*3*4 snake_case_name a ~ b</div>",
    "* not bold* *nor this *": "<div>* not bold* *nor this *</div>",
    "(*yes*), *yes!*": "<div>(<strong>yes</strong>), <strong>yes!</strong></div>",
    "`*raw* &lt;b&gt;`": "<code>",
    "```\n*raw* &lt;b&gt;\n  two```\nafter": "<pre><code>*raw* &lt;b&gt;\n  two</code></pre><div>after</div>",
    "&gt; one\n&gt; two\nthree": "<blockquote>one<br>two</blockquote><div>three</div>",
    "• a\n  ◦ *b*\n1. c": "<ul><li><span>•</span><span>a</span></li><li><span>◦</span><span><strong>b</strong></span></li>"
    "<li><span>1.</span><span>c</span></li></ul>",
    "<@U1> <@U2|x> <@U9|gone>": "<div><span>@Dana Diaz</span> <span>@Lee</span> <span>@gone</span></div>",
    "<#C1> <#C9|other>": '<div><a href="#C1">#deploys</a> <span>#other</span></div>',
    "<!here> <!subteam^S1> <!subteam^S2|@ops>": "<div><span>@here</span> <span>@leads</span> <span>@ops</span></div>",
    "<https://a.example/x?y=1&amp;z=2|a *link*>": '<div><a href="https://a.example/x?y=1&amp;z=2">a <strong>link</strong></a></div>',
    "see https://a.example/b. Or": '<div>see <a href="https://a.example/b">https://a.example/b</a>. Or</div>',
    "<mailto:a@b.example|a@b.example>": '<div><a href="mailto:a@b.example">a@b.example</a></div>',
    "<javascript:alert(1)|click>": "<div>&lt;javascript:alert(1)|click&gt;</div>",
    ":rocket: :white_check_mark: :hourglass_flowing_sand: :x: :warning: :no_entry: :package:": "<div><span>🚀</span> <span>✅</span> "
    "<span>⏳</span> <span>❌</span> <span>⚠️</span> <span>⛔</span> <span>📦</span></div>",
    ":no_such_emoji: 10:30:45 a:b:": "<div>:no_such_emoji: 10:30:45 a:b:</div>",
    "&amp;lt;b&amp;gt; &lt;script&gt;": "<div>&amp;lt;b&amp;gt; &lt;script&gt;</div>",
    "<!date^0^{date_num} at|old>": "<div><time>1970-01-01 at</time></div>",
    "<!date^x^{date}|old> <!date^0^{bogus}|fallback>": "<div><time>old</time> <time>fallback</time></div>",
    "one\n\ntwo": "<div>one<br><br>two</div>",
}

EVIL = [
    "<script>window.pwned = 1</script>",
    '<img src=x onerror="window.pwned = 1">',
    "<svg onload=window.pwned=1>",
    '"><iframe srcdoc="<script>parent.pwned = 1</script>">',
    "<a href='javascript:window.pwned = 1'>x</a>",
    "</textarea><script>window.pwned = 1</script>",
    "<style>* { display: none !important }</style>",
    "<b onmouseover=window.pwned=1>hover</b>",
]


async def render(page: Page, text: str) -> str:
    return str(await page.evaluate(probe("text"), text))


async def test_mrkdwn_is_read_as_slack_reads_it(stage: Stage) -> None:
    page = await stage.open("dana", "deploys", timezone_id="UTC", locale="en-US")
    for text, wanted in CASES.items():
        found = await render(page, text)
        if wanted == "<code>":
            assert found == "<div><code>*raw* &lt;b&gt;</code></div>"
        else:
            assert found == wanted, text


async def test_times_are_told_in_the_readers_own_zone(stage: Stage) -> None:
    page = await stage.open("dana", "deploys", timezone_id="Asia/Tokyo", locale="en-US")
    found = await render(page, "<!date^1392734382^{date} at {time} or {time_secs}|x>")
    assert (
        found.replace("\u202f", " ") == "<div><time>February 18, 2014 at 11:39 PM or 11:39:42 PM</time></div>"
    )


async def test_no_text_of_any_length_makes_the_reader_fail_or_hang(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    for text in (
        "*" * 3000,
        "_a" * 1500,
        "<" * 3000,
        "`" * 3001,
        "*_~" * 1000,
        "<!date^^^|>",
        "<@>",
        "<>",
        "```",
        "``````",
        "&" * 3000,
        ":" * 3000,
    ):
        start = asyncio.get_running_loop().time()
        await render(page, text)
        assert asyncio.get_running_loop().time() - start < 2, text[:20]


async def test_what_people_and_apps_write_never_becomes_markup(stage: Stage) -> None:
    # An app's block with an image that may not be shown is loud by design.
    stage.expected = ["images from this machine only", "button's url"]
    page = await stage.open("dana", "deploys")
    box = page.locator("main .composer textarea")
    for text in EVIL:
        await box.fill(text)
        await box.press("Enter")
        await expect(page.locator("main .message[data-ts]", has_text=text)).to_have_count(1)

    def blocks(text: str) -> list[dict[str, Any]]:
        short = text[:70]
        escaped = text.replace("&", "&amp;")
        return [
            {"type": "header", "text": plain(short)},
            {"type": "section", "text": mrkdwn(escaped), "fields": [mrkdwn(escaped), plain(text)]},
            {"type": "context", "elements": [mrkdwn(escaped), plain(text)]},
            {"type": "image", "image_url": "https://far.example/x.png", "alt_text": text},
            {
                "type": "rich_text",
                "elements": [
                    {
                        "type": "rich_text_section",
                        "elements": [
                            {"type": "text", "text": text, "style": {"bold": True}},
                            {"type": "link", "url": "javascript:window.pwned=1", "text": text},
                        ],
                    },
                    {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text}]},
                ],
            },
            {
                "type": "markdown",
                "text": f"# {text}\n- **{text}**\n[x](javascript:window.pwned=1)\n\n```\n{text}\n```",
            },
            actions(
                "a",
                button("b", short),
                {
                    "type": "static_select",
                    "action_id": "s",
                    "placeholder": plain(short),
                    "options": [option("o", short)],
                },
            ),
            entry(
                "i", text, {"type": "plain_text_input", "initial_value": text, "placeholder": plain(short)}
            ),
        ]

    for text in EVIL:
        loud_ones = await page.evaluate(probe("blocks"), {"blocks": blocks(text), "className": "evil"})
        assert loud_ones == 1
    await stage.app.post("#deploys", "last")
    await expect(page.locator("main .message", has_text="last").last).to_be_visible()
    found = await page.evaluate(probe("markup"))
    assert found == {"pwned": None, "made": 0, "handlers": 0, "links": 0}, json.dumps(found)


async def test_the_page_takes_nothing_from_elsewhere(stage: Stage) -> None:
    page = await stage.open("dana", "deploys")
    loaded = await page.evaluate(
        "() => performance.getEntriesByType('resource').map((entry) => new URL(entry.name).origin)"
    )
    assert set(loaded) == {stage.ws.url}
    policy = await page.locator('meta[http-equiv="Content-Security-Policy"]').get_attribute("content")
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
