"""The registry is consistent, and the documentation is rendered from it."""

import dataclasses
import re
from pathlib import Path
from typing import Any, get_args

from commands.nearest import nearest
from commands.parsed import Parsed
from commands.registry import SPECS, spec_of
from commands.render import reference
from commands.spec import Spec

DOCS = Path(__file__).parents[2] / "docs"


def fields_of(spec: Spec[Any]) -> set[str]:
    assert isinstance(spec.parsed, type)
    return {field.name for field in dataclasses.fields(spec.parsed)}


def test_every_parsed_value_has_its_command() -> None:
    assert {spec.parsed for spec in SPECS} == set(get_args(Parsed))
    assert len({spec.verb for spec in SPECS}) == len(SPECS)


def test_arguments_and_flags_are_the_values_fields() -> None:
    for spec in SPECS:
        fields = fields_of(spec)
        names = {a.name for a in spec.arguments} | {f.name for f in spec.flags}
        assert names | ({"ref"} if "ref" in fields else set()) == fields, spec.verb


def test_a_synonym_suggests_one_verb_and_is_none_itself() -> None:
    synonyms = [synonym for spec in SPECS for synonym in spec.synonyms]
    assert len(set(synonyms)) == len(synonyms)
    assert not set(synonyms) & {spec.verb for spec in SPECS}


def test_only_deploy_and_rollback_are_slash_commands_of_their_own() -> None:
    assert [spec.verb for spec in SPECS if spec.slash] == ["deploy", "rollback"]
    assert all(spec.only_asker for spec in SPECS)
    assert [spec.verb for spec in SPECS if not spec.listed] == ["answer"]


def test_a_value_knows_its_command() -> None:
    for spec in SPECS:
        if not fields_of(spec):
            assert spec_of(spec.parsed()) is spec


def test_the_reference_is_up_to_date() -> None:
    assert (DOCS / "commands.md").read_text(encoding="utf-8") == reference(SPECS), (
        "Render it again: python -m commands.render > docs/commands.md"
    )


def test_the_recipe_names_what_there_is() -> None:
    recipe = (DOCS / "adding-a-command.md").read_text(encoding="utf-8")
    root = DOCS.parent
    paths = re.findall(r"(?:commands|tests|bot|docs)/[\w/-]+\.(?:py|md)", recipe)
    assert len(paths) > 10
    assert [path for path in paths if not (root / path).exists()] == ["commands/pause.py"]


def test_nearest() -> None:
    assert nearest("SHOP", ["shop", "ship"]) == ("shop", "ship")
    assert nearest("prod", ["test", "production"]) == ("production",)
    assert nearest("tset", ["test", "best", "prod"]) == ("test",)
    assert nearest("x", ["a", "b"]) == ()
    assert nearest("", ["a"]) == ()
    assert nearest("y" * 100, ["y" * 99]) == ()
    assert nearest("shop prod", ["shop"]) == ()
