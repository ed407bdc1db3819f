"""A deployment's own policies: what they add, what they replace, and every way in which they can be wrong."""

import pytest

from bot.access import CedarAccess, PolicyError
from bot.access.policies import load
from bot.catalog import parse_catalog
from bot.domain.gates import WhoMay
from bot.domain.identity import ROLES, Actor
from bot.ports import Permission

CATALOG = parse_catalog(
    b"""
environments: {test: {channel: "#t"}, prod: {channel: "#p"}}
roles: {releaser: {}}
people:
  dana: {slack: U0DANA, roles: [developer]}
  rita: {slack: U0RITA, roles: [developer, releaser]}
services:
  shop: {source: {git: ./shop}, build: {local: {command: make}}, targets: {prod: {local: {}}}}
  mail: {source: {git: ./mail}, build: {local: {command: make}}, targets: {prod: {local: {}}}}
""",
    "shipbell.yaml",
)
DANA = Actor("dana", "Dana", frozenset({"developer"}), "U0DANA")
RITA = Actor("rita", "Rita", frozenset({"developer", "releaser"}), "U0RITA")


def access(tmp_path, **files: str | bytes) -> CedarAccess:
    for name, text in files.items():
        data = text if isinstance(text, bytes) else text.encode()
        (tmp_path / f"{name.replace('_', '.')}").write_bytes(data)
    return CedarAccess(tmp_path)


def problems(tmp_path, **files: str | bytes) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        access(tmp_path, **files)
    return [str(problem) for problem in caught.value.problems]


def test_a_policy_of_ones_own_is_added(tmp_path):
    ours = access(
        tmp_path,
        ours_cedar="""
        // Only releasers touch the shop; the ; and the "quotes" of this comment end nothing.
        @id("shop-by-releasers")
        @reason("The shop; it's released by releasers.")
        forbid (principal, action in Action::"change", resource in Service::"shop")
        unless { principal in Role::"releaser" };
        """,
    )
    shop, mail = Permission("deploy", "shop", "prod"), Permission("deploy", "mail", "prod")
    no = ours.decide(DANA, shop, CATALOG)
    assert no.policies == ("shop-by-releasers",)
    assert no.reason == "The shop; it's released by releasers."
    assert no.clears == WhoMay((), ("rita",)), "a releaser alone is no developer, so no role alone would do"
    assert ours.decide(RITA, shop, CATALOG).is_yes
    assert ours.decide(DANA, mail, CATALOG).is_yes
    assert ours.replaced == ()
    assert ours.problems(CATALOG) == ()


def test_a_forbid_without_a_reason_is_named(tmp_path):
    ours = access(tmp_path, ours_cedar='@id("never") forbid (principal, action, resource);')
    no = ours.decide(DANA, Permission("deploy", "shop", "prod"), CATALOG)
    assert no.reason == 'The policy "never" forbids it.'


def test_the_same_id_replaces_a_shipped_policy(tmp_path):
    ours = access(
        tmp_path,
        ours_cedar='@id("developer-changes") permit (principal in Role::"developer", action == Action::"restart", resource);',
    )
    assert ours.replaced == ("developer-changes",)
    assert not ours.decide(DANA, Permission("deploy", "shop", "prod"), CATALOG).is_yes
    assert ours.decide(DANA, Permission("restart", "shop", "prod"), CATALOG).is_yes


def test_a_policy_about_one_person(tmp_path):
    ours = access(
        tmp_path,
        ours_cedar='@id("dana-rests") @reason("Dana is on leave.") forbid (principal == Person::"dana", action, resource);',
    )
    deploy = Permission("deploy", "shop", "prod")
    assert ours.decide(DANA, deploy, CATALOG).reason == "Dana is on leave."
    assert ours.decide(RITA, deploy, CATALOG).is_yes
    assert ours.who_may(deploy, CATALOG) == WhoMay(("developer", "tester", "lead", "admin"), ("rita",))


def test_a_policy_about_a_slack_id(tmp_path):
    ours = access(
        tmp_path,
        ours_cedar="""@id("by-slack") @reason("Not you.")
        forbid (principal, action, resource) when { principal.slack == "U0DANA" };""",
    )
    assert ours.who_may(Permission("deploy", "shop", "prod"), CATALOG).people == ("rita",)


def test_a_misspelt_name_is_told_although_cedar_takes_it(tmp_path):
    ours = access(
        tmp_path,
        a_cedar="""
@id("one") permit (principal in Role::"relaeser", action, resource in Service::"shopp");
@id("two")
permit (principal == Person::"dna", action, resource)
when { resource in Environment::"prd" || resource in Environment::"*" };""",
    )
    assert [str(problem) for problem in ours.problems(CATALOG)] == [
        'a.cedar:2: Policy "one" names the role "relaeser", which is not in the catalog. Nearest: releaser.',
        'a.cedar:2: Policy "one" names the service "shopp", which is not in the catalog. Nearest: shop.',
        'a.cedar:3: Policy "two" names the person "dna", which is not in the catalog. Nearest: dana.',
        'a.cedar:3: Policy "two" names the environment "prd", which is not in the catalog. Nearest: prod.',
    ]


def test_everything_that_is_wrong_is_told_at_once_with_its_place(tmp_path):
    found = problems(
        tmp_path,
        a_cedar="""// The first line
permit (principal, action, resource);

@id("typo")
permit (principal, action == Action::"deplyo", resource);

@id("broken")
permit (principal action, resource);
""",
        b_cedar="""
@id("typo") forbid (principal, action, resource);
@id("attribute") permit (principal, action == Action::"deploy", resource) when { resource.colour == "red" };
@id("Not Good") permit (principal, action, resource);
@id("template") permit (principal == ?principal, action, resource);
@id("no-end") permit (principal, action, resource)
""",
        c_cedar=b"\xff\xfe",
        mine_cedarschema="entity Role;",
    )
    places = "a.cedar:2 a.cedar:4 a.cedar:7 b.cedar:2 b.cedar:3 b.cedar:4 b.cedar:5 b.cedar:6 c.cedar mine.cedarschema"
    assert list(dict.fromkeys(line.split(": ")[0] for line in found)) == places.split()
    text = "\n".join(found)
    assert 'This policy needs an id of its own, such as @id("no-friday-releases"), in small letters.' in text
    assert 'The id "typo" is taken by the policy at a.cedar:4.' in text
    assert "Cedar can't read this policy: unexpected token `action`." in text
    assert "attribute `colour` on entity type `Target` not found" in text
    assert "A template permits nothing by itself" in text
    assert "The schema is the bot's own" in text
    assert 'unrecognized action `Action::"deplyo"`' in text
    assert "Nearest: deploy" in text


def test_a_folder_that_is_not_there_or_empty_is_an_error(tmp_path):
    """Its forbids would be missing, and nobody would notice."""
    with pytest.raises(PolicyError, match="no such folder"):
        CedarAccess(tmp_path / "nowhere")
    with pytest.raises(PolicyError, match=r"no \*.cedar file"):
        CedarAccess(tmp_path)
    with pytest.raises(PolicyError, match="no policy"):
        access(tmp_path, a_cedar="// all commented out\n")


def test_a_file_too_large_is_refused(tmp_path):
    assert problems(tmp_path, a_cedar=b"//" + b"x" * 1_000_001) == ["a.cedar: This file is larger than 1 MB."]


def test_the_shipped_policies_name_shipped_roles_only():
    named = {(kind, i) for p in load(None).by_id.values() for kind, i in p.entities() if kind != "Action"}
    assert {kind for kind, _ in named} == {"Role"}
    assert {identity for _, identity in named} <= set(ROLES)


def test_every_shipped_forbid_says_why():
    for policy in load(None).by_id.values():
        assert policy.effect == "permit" or policy.reason.endswith(".")
