"""Who somebody is: the Actor behind a Slack profile, or why there is none."""

from dataclasses import replace

import pytest

from bot.access import CedarAccess
from bot.catalog import parse_catalog
from bot.domain.gates import Answer, Gate, WhoMay
from bot.domain.identity import Actor, Profile, SlackIdentity

TEXT = b"""
team: T0HOME
environments: {test: {channel: "#t"}}
roles: {releaser: {like: [lead]}}
people:
  dana: {slack: U0DANA, roles: [developer]}
  lee: {slack: U0LEE, roles: [releaser]}
  mary: {slack: U0MARY, roles: [viewer], team: T0SISTER}
  idle: {slack: U0IDLE, roles: []}
groups:
  S0TESTERS: [tester]
  S0LEADS: [lead]
"""
CATALOG = parse_catalog(TEXT, "shipbell.yaml")
OPEN = parse_catalog(TEXT.replace(b"team: T0HOME\n", b""), "shipbell.yaml")
ACCESS = CedarAccess()


def profile(user="U0DANA", team="T0HOME", enterprise=None, name="Dana", **more) -> Profile:
    return Profile(SlackIdentity(team, user, enterprise), name, **more)


def identify(who: Profile, catalog=CATALOG):
    return ACCESS.identify(who, catalog)


def test_a_listed_person():
    assert identify(profile()) == Actor("dana", "Dana", frozenset({"developer"}), "U0DANA")


def test_groups_add_roles_to_a_listed_person():
    found = identify(profile(groups=frozenset({"S0TESTERS", "S0OTHER"})))
    assert found.roles == {"developer", "tester"}


def test_a_role_like_another_includes_it():
    assert identify(profile("U0LEE")).roles == {"releaser", "lead"}


def test_a_member_of_a_group_needs_no_listing():
    found = identify(profile("U0NEW", name="New", groups=frozenset({"S0LEADS"})))
    assert found == Actor("U0NEW", "New", frozenset({"lead"}), "U0NEW")


def test_somebody_listed_without_roles_is_somebody():
    assert identify(profile("U0IDLE")).roles == frozenset()


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        (
            profile(is_deleted=True),
            "Dana is deactivated in Slack, so Shipbell takes no requests from this account.",
        ),
        (profile(is_bot=True), "Dana is a bot. Shipbell takes requests from people only."),
        (
            profile(is_guest=True),
            "Dana is a guest in this Slack workspace. Shipbell takes requests from full members only.",
        ),
        (
            profile(is_stranger=True),
            "Dana belongs to another Slack workspace. Shipbell takes requests from its own workspace only.",
        ),
        (
            profile(team="T0OTHER"),
            "Dana belongs to another Slack workspace than the one that the catalog names.",
        ),
        (profile(user=""), "Slack did not say who this is, so nothing can be permitted."),
        (profile(team=""), "Slack did not say who this is, so nothing can be permitted."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_account_that_is_not_one_of_us(who, reason):
    for groups in (frozenset(), frozenset({"S0LEADS"})):
        no = identify(replace(who, groups=groups))
        assert (no.gate, no.answer, no.reason) == (Gate.IDENTITY, Answer.NO, reason)


def test_an_unlisted_colleague_is_told_what_is_missing_and_whom_to_ask():
    no = identify(profile("U0NEW", name="Newton"))
    assert no.gate is Gate.IDENTITY
    assert no.reason == "Newton is not in the catalog: it doesn't list the Slack id U0NEW under “people”."
    assert no.clears == WhoMay(("lead",), ("lee",)), "no admin is listed, so the leads"


def test_the_same_user_id_in_another_workspace_is_somebody_else():
    assert not isinstance(identify(profile(team="T0OTHER")), Actor)
    assert not isinstance(identify(profile("U0MARY")), Actor)
    assert identify(profile("U0MARY", team="T0SISTER")).name == "mary"


def test_enterprise_grid_is_a_home_too():
    grid = replace(CATALOG, team="E0GRID")
    assert identify(profile(enterprise="E0GRID", team="T0ANY"), grid).name == "dana"
    assert identify(profile(enterprise="E0GRID"), CATALOG).name == "dana"
    assert not isinstance(identify(profile(enterprise="E0OTHER", team="T0ANY"), grid), Actor)


def test_without_a_team_any_home_will_do_but_strangers_stay_out():
    assert identify(profile(team="T0ANY"), OPEN).name == "dana"
    assert not isinstance(identify(profile(is_stranger=True), OPEN), Actor)
