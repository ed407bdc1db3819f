"""Ten thousand command lines that nobody would write: each gets an answer, and nothing is done but what its words say.

The oracle reads the words on its own, naively, and shares no code with the grammar: every name and number that the desk was
asked about stands in the text (or is the thread's Operation), and every word of a text that led to an effect is accounted for.
"""

import re
import unicodedata
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from bot.domain.messages import Reply
from bot.domain.operation import Choice, Question, State, Wish
from tests.support.chat import Chat
from tests.support.desk import NOW, Effect, MemoryDesk, catalog

pytestmark = pytest.mark.timeout(900)  # a shared machine may be slow; alone they take half a minute

CATALOG = catalog(
    {"shop": ("test", "prod"), "shop-api": ("test", "staging", "prod"), "münze": ("test",), "to": ("on",)},
    ("test", "staging", "prod", "on"),
)
VERBS = """deploy rollback restart stop start scale status history logs approve reject abort why whoami help
answer""".split()  # noqa: SIM905 - read as a line
NAMES = ["shop", "shop-api", "münze", "to", "test", "staging", "prod", "on"]
FLAGS = ["--only", "--batch", "--plan", "--reason", "--lines", "--seen"]
READS = {"status", "history", "logs", "why"}


def quick(max_examples: int) -> settings:
    return settings(
        max_examples=max_examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.large_base_example,
        ],
    )


def answered(text: str, thread: int | None = None, slash: str | None = None) -> tuple[Reply, list[Effect]]:
    desk = MemoryDesk(CATALOG)
    question = Question(3, "failure", "What now?", (Choice.RETRY,), NOW)
    for state in (State.AWAITING_APPROVAL, State.ASKING, State.ROLLING_OUT):
        desk.put(state, question=question if state is State.ASKING else None)
    return at_once(Chat(desk).say(text, thread=thread, slash=slash)), desk.effects


def at_once(coroutine: Coroutine[Any, Any, Reply]) -> Reply:
    """Nothing in memory ever waits, so one step takes it to its end; much quicker than a loop for each example."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise AssertionError("it waited for something")


def check(text: str, thread: int | None = None, slash: str | None = None) -> str:
    """Says it, checks the answer and what was done, and returns the verb that the desk was asked for, if any."""
    reply, effects = answered(text, thread, slash)
    assert isinstance(reply, Reply)
    assert reply.headline.strip()
    assert reply.only_asker
    assert not re.search(r"<[@!#]|@(here|channel|everyone)\b", reply.headline, re.IGNORECASE)
    assert len(reply.suggestions) <= 5
    assert len(effects) <= 1, "one line asks for one thing"
    for effect in effects:
        explained(effect, plain(text), thread, slash)
    return effects[0].verb if effects else "nothing"


def plain(text: str) -> str:
    """The text as a person reads it, without the grammar's help."""
    text = re.sub(
        r"<([^<>|]*)\|([^<>]*)>", lambda m: (m[1][:1] if m[1][:1] in ("@", "#") else "") + m[2], text
    )
    text = re.sub(r"<(?:mailto:)?([^<>]*)>", r"\1", text)
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    text = "".join(chr(ord(c) - 0xFEE0) if "\uff01" <= c <= "\uff5e" else c for c in text)
    text = "".join(" " if c.isspace() or unicodedata.category(c) == "Cc" else c for c in text)
    return unicodedata.normalize(
        "NFC", "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cs"))
    )


def atoms(text: str) -> list[str]:
    """Runs of letters and digits, lower case: what is left when all marks are taken away."""
    return re.findall(r"[^\W_]+", text.casefold())


def explained(effect: Effect, text: str, thread: int | None, slash: str | None) -> None:
    words = set(re.split(r"[\s@,=\"'`“”„«»‘’‚]+", text))
    words |= {word.partition("@")[2] for word in re.split(r"[\s\"'`“”„«»‘’‚]+", text)}
    said = [effect.verb, *effect.words]
    if effect.verb == slash:
        assert text.split()[:1] != [slash]
    else:
        assert effect.verb in text.casefold().split()[0].strip("`\"'“”")
    for word in effect.words:
        number = word.removeprefix("#")
        heard = {word, number} & words or (effect.verb == "answer" and word in folded(words))
        is_threads = thread is not None and (
            word == f"#{thread}"
            or (effect.verb in READS and word in ("shop", "prod") and not names_in(words))
        )
        assert heard or is_threads, (word, text)
    if (wish := effect.wish) is not None:
        for part in (wish.ref, wish.to, *wish.only, wish.batch):
            assert part is None or {part, part.removeprefix("#")} & words, (part, text)
            said.append(part or "")
        assert wish.replicas is None or str(wish.replicas) in words
        said += [str(wish.replicas or ""), wish.reason]
        assert wish.plan_only == ("plan" in flags_in(text))
    said += [effect.reason, effect.plan_hash or ""]
    unheard = set(atoms(text)) - set(atoms(" ".join(said)))
    assert unheard <= {"to", "on", "only", "batch", "plan", "reason", "lines", "seen"}, unheard


def folded(words: set[str]) -> set[str]:
    return {word.casefold().replace("-", "_") for word in words}


def names_in(words: set[str]) -> set[str]:
    return words & set(NAMES)


def flags_in(text: str) -> set[str]:
    plain = text.translate(str.maketrans("“”„«»‘’‚", '"""""\'\'\''))
    closed = re.sub(r"(?<!\S)(?:[^\s\"']+=)?([\"'])(?:(?!\1).)*\1(?!\S)", " ", plain)
    outside = re.sub(r"(?<!\S)(?:\S+=)?[\"'].*", "", closed)
    return {found.casefold() for found in re.findall(r"(?<!\S)[-—–−‒―⸺]{1,}(\w+)", outside)}


WORD = st.one_of(
    st.sampled_from(NAMES),
    st.sampled_from(NAMES).map(str.upper),
    st.sampled_from(
        [
            "shop@v1",
            "shop@#12",
            "<mailto:shop@v1.io|shop@v1.io>",
            "münze@fix/ü",
            "shop@",
            "@v1",
            "mu\u0308nze",
            "ｓｈｏｐ",
        ]
    ),
    st.sampled_from(
        [
            "#12",
            "12",
            "#13",
            "14",
            "#99",
            "#0",
            "<#C12|12>",
            "0",
            "3",
            "200",
            "201",
            "50%",
            "5²",
            "٣",
            "9" * 30,
        ]
    ),
    st.sampled_from(FLAGS),
    st.sampled_from(
        [
            "—only",
            "–batch",
            "--plan",
            "--lines=5",
            "—reason=“so what”",
            "--batch=2",
            "--only=shop-1,",
            "-plan",
            "--",
        ]
    ),
    st.sampled_from(
        ["shop-1", "shop-1,shop-2", "shop-1, shop-2", "retry", "roll_back", "stop-here", "deploy", "help"]
    ),
    st.sampled_from(
        [
            "“a reason”",
            "'don’t'",
            '"',
            "”",
            "'",
            "`",
            "&amp;",
            "&lt;x&gt;",
            "<!channel>",
            "<@U1>",
            "\u200b",
            "\n",
            "…",
        ]
    ),
    st.text(max_size=6),
)
STARTS = st.sampled_from(
    ["", "", "shop test", "shop-api prod", "münze@v1 test", "shop to prod", "#12", "#13 3"]
)
LINES = st.tuples(st.sampled_from(VERBS), STARTS, st.lists(WORD, max_size=4)).map(
    lambda line: " ".join([line[0], line[1], *line[2]])
)
THREADS = st.sampled_from([None, None, 12, 13, 14, 99])
GOOD = [
    "deploy shop test",
    "deploy shop@v1.2 to prod --only shop-1,shop-2 --batch 50% --reason “it’s time”",
    "deploy <mailto:shop@v1.io|shop@v1.io> on test —plan",
    "deploy shop-api@#12 staging",
    "deploy münze@feature/x test",
    "rollback shop prod to #12",
    "rollback shop-api prod to v1.3",
    "restart shop test --only shop-1",
    "stop shop-api staging",
    "start shop prod",
    "scale shop test 3",
    "status shop",
    "status prod",
    "history shop-api staging",
    "logs shop test shop-1 --lines 20",
    "approve #12 looks good",
    "reject #12 “not on a Friday”",
    "abort #14",
    "answer #13 3 retry",
    "why shop prod",
    "whoami",
    "help deploy",
]
NOISE = st.sampled_from(
    ["\u200b", "\u00a0", "\n", "—", "–", "-", "“", "”", "'", '"', "`", "@", "#", ",", "=", "%", "&amp;", "<", ">", "|", "0", "1", "²", "é",
     "\u0301",      "\u202e", "\ud800", "\x00", "ｐ", "🚀", "\\", " to ", " prod ", " test ", " shop ", " --plan ", " #13 "]
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A good command after a few slips: something put in, taken out, doubled, swapped, upper-cased or made very long."""
    text = draw(st.sampled_from(GOOD))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(text)))
        match draw(st.sampled_from(["in", "out", "double", "swap", "upper", "word", "long"])):
            case "in":
                text = text[:at] + draw(NOISE) + text[at:]
            case "out":
                text = text[:at] + text[at + draw(st.integers(1, 4)) :]
            case "double":
                text = text[:at] + text[max(0, at - 5) : at] + text[at:]
            case "swap":
                words = draw(st.permutations(text.split(" ")))
                text = " ".join(words)
            case "upper":
                text = text[:at] + text[at : at + 3].upper() + text[at + 3 :]
            case "word":
                text = f"{text[:at]} {draw(WORD)} {text[at:]}"
            case _:
                text = (text[:at] + text[at : at + 9] * draw(st.integers(1, 1200)) + text[at:])[:10_000]
    return text


@quick(4500)
@given(mutated(), THREADS)
def test_commands_with_slips(text: str, thread: int | None) -> None:
    event(check(text, thread))


@quick(3500)
@given(LINES, THREADS)
def test_sentences_of_known_words(text: str, thread: int | None) -> None:
    event(check(text, thread))


@quick(1000)
@given(st.lists(WORD, max_size=6).map(" ".join), st.sampled_from(["deploy", "rollback"]))
def test_slash_commands_of_their_own(text: str, slash: str) -> None:
    event(check(text, slash=slash))


@quick(1000)
@given(st.text(max_size=200), THREADS)
def test_anything_at_all(text: str, thread: int | None) -> None:
    event(check(text, thread))


def test_ten_thousand_characters_of_the_same() -> None:
    for piece in (
        "<",
        "&",
        '"',
        "'a ",
        "—x ",
        "`",
        "shop ",
        "--only ",
        "@",
        "#",
        "\\",
        "é\u0301",
        "\u200b",
        "<a|b>",
        "-",
        "=",
    ):
        for prefix in ("", "deploy shop test ", "approve #12 ", 'deploy shop test --reason "'):
            check((prefix + piece * 10_000)[:10_000])


@pytest.mark.parametrize(
    ("effect", "text"),
    [
        (Effect("deploy", ("shop", "test")), "deploy shp test"),
        (Effect("deploy", ("shop", "test")), "deploy Shop test"),
        (Effect("deploy", ("shop", "test")), "deploy shop test now"),
        (Effect("deploy", ("shop", "test"), Wish(only=("shop-1",))), "deploy shop test --only shop-11"),
        (Effect("deploy", ("shop", "test"), Wish()), "deploy shop test —plan"),
        (Effect("scale", ("shop", "test"), Wish(replicas=52)), "scale shop test 5²"),
        (Effect("approve", ("#12",)), "approve #13"),
        (Effect("stop", ("shop", "test")), "start shop test"),
    ],
)
def test_the_oracle_catches_a_grammar_that_guesses(effect: Effect, text: str) -> None:
    with pytest.raises(AssertionError):
        explained(effect, plain(text), None, None)
