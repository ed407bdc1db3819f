import pytest

from commands.complete import complete, completion_words
from commands.dispatch import Dispatcher
from tests.support.desk import MemoryDesk, catalog

CATALOG = catalog()


@pytest.mark.parametrize(
    ("words", "offers"),
    [
        (
            [""],
            "deploy rollback restart stop start scale status history logs approve reject abort why whoami help",
        ),
        (
            [],
            "deploy rollback restart stop start scale status history logs approve reject abort why whoami help",
        ),
        (["re"], "restart reject"),
        (["answ"], ""),
        (["nonsense", ""], ""),
        (["deploy", ""], "shop cart münze"),
        (["deploy", "C"], "cart"),
        (["Deploy", "shop", ""], "test prod"),
        (["deploy", "shop@v1", "to", ""], "test prod"),
        (["deploy", "cart", "st"], "staging"),
        (["deploy", "shop", "test", ""], "--only --batch --plan --reason"),
        (["deploy", "shop", "test", "--"], "--only --batch --plan --reason"),
        (["deploy", "shop", "--plan", "--"], "--only --batch --reason"),
        (["deploy", "--batch", ""], ""),
        (["deploy", "--batch", "2", ""], "shop cart münze"),
        (["deploy", "--plan", ""], "shop cart münze"),
        (["rollback", "shop", "prod", ""], "to"),
        (["rollback", "shop", "prod", "to", ""], ""),
        (["status", "prod", ""], ""),
        (["status", ""], "shop cart münze"),
        (["logs", "shop", "test", ""], "shop-1 shop-2"),
        (["logs", "shop", "test", "shop-1", ""], "--lines"),
        (["help", "de"], "deploy"),
        (["approve", ""], ""),
    ],
)
def test_what_may_come_next(words: list[str], offers: str) -> None:
    assert [offer.word for offer in complete(words, CATALOG)] == offers.split()


def test_offers_say_what_they_are() -> None:
    offers = Dispatcher(MemoryDesk()).complete(["deploy", "s"])
    assert [(offer.word, offer.hint) for offer in offers] == [("shop", "The shop")]


def test_words_by_position_for_composers() -> None:
    words = completion_words(CATALOG)
    assert list(words) == ["/deploy", "/rollback", "/shipbell"]
    assert words["/deploy"] == [
        ["shop", "cart", "münze"],
        ["test", "staging", "prod"],
        ["--only", "--batch", "--plan", "--reason"],
    ]
    assert words["/rollback"][2] == ["to"]
    assert words["/shipbell"][0][:2] == ["deploy", "rollback"]
