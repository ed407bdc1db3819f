"""Every example is a good catalog by our own reading and by the JSON Schema, and means what it seems to mean."""

from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from bot.access import CedarAccess
from bot.catalog import check_report, load_catalog, schema
from bot.domain.catalog import BatchSize, HealthKind, OnFailure
from bot.domain.identity import Actor
from bot.ports import Permission

EXAMPLES = Path(__file__).parents[3] / "examples"
CATALOGS = sorted(EXAMPLES.rglob("*.yaml"))
MANY = EXAMPLES / "local-many" / "shipbell.yaml"


def name_of(path: Path) -> str:
    return path.relative_to(EXAMPLES).as_posix()


def test_there_is_an_example_for_each_kind_of_target():
    kinds = {
        t.kind for path in CATALOGS for s in load_catalog(path).services.values() for t in s.targets.values()
    }
    assert kinds == {"local"}
    assert {"local.yaml", "local-many/shipbell.yaml"} <= set(map(name_of, CATALOGS))


@pytest.mark.parametrize("path", CATALOGS, ids=name_of)
def test_an_example_is_good(path):
    policies = path.parent / "policies"
    access = CedarAccess(policies if policies.is_dir() else None)
    good, report = check_report(path, access.problems)
    assert good, report
    assert report.startswith(f"{path}: good (")


@pytest.mark.parametrize("path", CATALOGS, ids=name_of)
def test_an_example_fits_the_json_schema(path):
    plain = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema())
    assert [f"{list(e.absolute_path)}: {e.message}" for e in validator.iter_errors(plain)] == []


def test_the_larger_example_means_what_it_seems_to():
    catalog = load_catalog(MANY)
    assert list(catalog.environments) == ["test", "staging", "prod"]
    assert catalog.roles == ("viewer", "developer", "tester", "lead", "admin", "releaser", "product")
    assert catalog.people["omar"].roles == {"developer", "releaser", "lead"}
    assert catalog.people["zoë"].team == "T0PARTNER"
    assert [(g.slack, set(g.roles)) for g in catalog.groups] == [
        ("S0TESTERS", {"tester"}),
        ("S0SUPPORT", {"viewer"}),
    ]
    prod = catalog.environments["prod"]
    assert prod.approvals_channel == "#releases"
    assert prod.approval.count == 2
    assert prod.approval.expires == timedelta(hours=4)
    assert prod.approval.kinds == {"deploy", "promote", "configure", "scale"}
    assert prod.permissions["rollback"] == {"developer", "lead", "releaser"}

    shop = catalog.services["shop"]
    assert shop.url == {"prod": "https://shop.example"}
    assert shop.build.options == {"command": "make release", "output": "out", "timeout": 900.0}
    in_prod, in_test = shop.targets["prod"], shop.targets["test"]
    assert in_prod.strategy.batch == BatchSize(percent=25)
    assert in_prod.strategy.pause == timedelta(seconds=30)
    assert in_prod.strategy.on_failure is OnFailure.ASK
    assert in_test.strategy.bake == timedelta(seconds=5)
    assert in_test.strategy.pause == timedelta(0), "a strategy named by the target begins anew"
    assert dict(in_prod.configuration.values) == {"GREETING": "hello", "CURRENCY": "EUR"}
    assert dict(shop.targets["staging"].configuration.values)["GREETING"] == "hello from staging"

    payments = catalog.services["payments"]
    assert payments.source.branch == "trunk"
    assert payments.targets["prod"].strategy.health.path == "/ready"
    assert payments.targets["test"].strategy.health.start_within == timedelta(seconds=20)

    mailer = catalog.services["mailer"]
    assert mailer.source.url == str((MANY.parent / "../../../mailer.git").resolve())
    assert mailer.targets["prod"].strategy.health.kind is HealthKind.TCP
    assert dict(mailer.targets["prod"].configuration.values) == {"RATE": "1.50", "DRY_RUN": "no"}
    assert dict(mailer.targets["test"].configuration.values)["DRY_RUN"] == "yes"
    assert mailer.targets["prod"].options == {"command": "./mailer --serve", "port": 8523, "hold": 10.0}

    menu = catalog.services["café-menu"]
    assert menu.source.url == "git@git.example:kitchen/menu.git"
    assert menu.targets["test"].options == {"command": "./run", "hold": 5.0}
    assert menu.targets["test"].strategy.health.kind is HealthKind.COMMAND


def test_the_larger_example_keeps_payments_to_releasers():
    catalog = load_catalog(MANY)
    access = CedarAccess(MANY.parent / "policies")
    people = {name: Actor(name, name, person.roles, person.slack) for name, person in catalog.people.items()}
    payments, shop = Permission("deploy", "payments", "prod"), Permission("deploy", "shop", "prod")
    refused = access.decide(people["lee"], payments, catalog)
    assert not refused.is_yes
    assert refused.policies == ("payments-are-released-by-releasers",)
    assert refused.reason == "Payments goes to production through a releaser."
    assert refused.clears.people == ("omar",)
    assert access.decide(people["omar"], payments, catalog).is_yes
    assert access.decide(people["lee"], shop, catalog).is_yes
    assert not access.decide(people["dana"], shop, catalog).is_yes
