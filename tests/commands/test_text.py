import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.text import clip, code, escape, normalise, to_wire, without_mention


@pytest.mark.parametrize(
    ("wire", "plain"),
    [
        ("deploy <mailto:shop@v1.io|shop@v1.io> test", "deploy shop@v1.io test"),
        ("<http://shop.io|shop.io> &amp; &lt;b&gt;", "shop.io & <b>"),
        ("see <https://ci.example/1>", "see https://ci.example/1"),
        ("<#C123|deploys> <#C124>", "#deploys #C124"),
        ("<@U1|dana> <@U2> <!here> <!subteam^S1|@leads>", "@dana @U2 @here @leads"),
        ("deploy\nshop\r\n\ttest\u2028now", "deploy shop test now"),
        ("deploy\u00a0shop\u202ftest\u3000now", "deploy shop test now"),
        ("de\u200bploy \ufeffshop\u2060 te\u00adst", "deploy shop test"),
        ("“a” „b‟ ‘c’ don’t", '"a" "b" \'c\' don\'t'),
        (
            "ｄｅｐｌｏｙ　ｓｈｏｐ＠ｖ１　－－ｏｎｌｙ＝ｓｈｏｐ－１，ｓｈｏｐ－２",
            "deploy shop@v1 --only=shop-1,shop-2",
        ),
        ("shop‑api shop‐api", "shop-api shop-api"),
        ("`deploy shop test`", "deploy shop test"),
        ("```deploy shop test```", "deploy shop test"),
        ("mu\u0308nze m\u00fcnze", "münze münze"),
        ("scale shop test 5²", "scale shop test 5²"),  # NFKC would have said 52
        ("&amp;lt;", "&lt;"),
        ("\u202edeploy\u202c \x00shop\x1b", "deploy shop"),
        ("नि\u200dष and 👩\u200d🔧 and a\u200db", "नि\u200dष and 👩\u200d🔧 and ab"),
        ("\ud800deploy", "deploy"),
    ],
)
def test_wire_becomes_plain(wire: str, plain: str) -> None:
    assert normalise(wire) == plain


@settings(max_examples=1000, deadline=None)
@given(
    st.text(
        st.sampled_from("ab `\"'&<>|@#!—–-\u200b\u200d\u0308é＜＆ｌ；lt;amp;\n\u00a0²\ufeff"), max_size=40
    )
)
def test_plain_text_survives_the_wire(text: str) -> None:
    plain = normalise(text)
    if plain[:1] != "`":
        assert normalise(to_wire(plain)) == plain


@settings(max_examples=500, deadline=None)
@given(st.text())
def test_plain_is_one_line_of_visible_words(text: str) -> None:
    plain = normalise(text)
    assert plain == " ".join(plain.split())
    plain.encode("utf-8")


@pytest.mark.parametrize(
    "text", ["<!channel>", "<!here|x>", "<@U1>", "<!subteam^S1>", "@here", "hey @Channel!", "@everyone"]
)
def test_nobody_can_ping_through_us(text: str) -> None:
    safe = escape(text)
    assert "<" not in safe
    assert "@here" not in safe.lower()
    assert "@channel" not in safe.lower()
    assert "@everyone" not in safe.lower()


def test_escaped_text_shows_what_was_typed() -> None:
    assert escape("a & b < c @dana shop@v1") == "a &amp; b &lt; c @dana shop@v1"
    assert code("x`y") == "`xˋy`"
    assert clip("abcdef", 4) == "abc…"
    assert clip("abcd", 4) == "abcd"


def test_the_bots_own_mention_goes() -> None:
    assert normalise(without_mention("<@U0BOT> deploy shop test", "U0BOT")) == "deploy shop test"
    assert normalise(without_mention("<@U0BOT|shipbell>: abort <@U1>", "U0BOT")) == "abort @U1"
