"""What a person types, as Slack hands it on; and back to plain words."""

from __future__ import annotations

import pytest

from bot.workspace.text import Names, for_command, from_person, to_plain

NAMES = Names({"dana": "U1", "shipbell": "U2"}, {"deploys": "C1"}, {"leads": "S1"})


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("a & b < c > d", "a &amp; b &lt; c &gt; d"),
        ("shop@v1.io", "<mailto:shop@v1.io|shop@v1.io>"),
        ("shop@v1.2", "shop@v1.2"),
        ("shop@main", "shop@main"),
        ("shop@dana", "shop@dana"),
        ("@dana and @DANA, @nobody", "<@U1> and <@U1>, @nobody"),
        ("@shipbell: go", "<@U2>: go"),
        ("@leads @here @channel", "<!subteam^S1> <!here> <!channel>"),
        ("#deploys #12 #nowhere", "<#C1|deploys> #12 #nowhere"),
        ("see https://a.example/x?y=1&z=2.", "see <https://a.example/x?y=1&amp;z=2>."),
        ("see example.com/a, ok", "see <http://example.com/a|example.com/a>, ok"),
        ("v1.2.3 and 10.0.0.1 and release.tar.gz", "v1.2.3 and 10.0.0.1 and release.tar.gz"),
        ("dana@acme.example", "dana@acme.example"),
        ("größe — “quoted”", "größe — “quoted”"),
        ("", ""),
    ],
)
def test_a_message(typed: str, sent: str) -> None:
    assert from_person(typed, NAMES) == sent


def test_a_command_carries_names_where_the_manifest_asks_for_it() -> None:
    typed = "shop@v1.io @dana #deploys & http://a.io"
    assert for_command(typed, NAMES, escaped=True) == (
        "<mailto:shop@v1.io|shop@v1.io> <@U1|dana> <#C1|deploys> &amp; <http://a.io>"
    )
    assert for_command(typed, NAMES, escaped=False) == "shop@v1.io @dana #deploys &amp; http://a.io"


def test_plain_words_again() -> None:
    sent = "<@U1> <@U9|gone> <#C1> <#C2|old> <!here> <!subteam^S1|@leads> <https://a.io|A> <https://b.io> &lt;x&gt; <mailto:a@b.io|a@b.io>"
    assert to_plain(sent, {"U1": "dana"}, {"C1": "deploys"}) == (
        "@dana @gone #deploys #old @here @leads A https://b.io <x> a@b.io"
    )
