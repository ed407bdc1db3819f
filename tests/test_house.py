"""The house itself: what the wheel holds, what the docs promise."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_wheel_holds_the_three_packages_and_all_that_they_read(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*words, "-w", str(tmp_path), str(ROOT)], check=True, timeout=120, capture_output=True)
    (wheel,) = tmp_path.glob("shipbell-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (dist_info,) = {name.split("/")[0] for name in names if ".dist-info/" in name}
        entry_points = archive.read(f"{dist_info}/entry_points.txt").decode()
        metadata = archive.read(f"{dist_info}/METADATA").decode()
    assert {name.split("/")[0] for name in names} - {dist_info} == {"bot", "commands", "adapters"}
    assert "shipbell = bot.cli:main" in entry_points
    assert "Private :: Do Not Upload" in metadata
    for needed in (
        "bot/workspace/page/index.html",
        "bot/storage/migrations/versions/0001_first_tables.py",
        "bot/access/shipbell.cedarschema",
        "bot/demo/sample/shop.py",
    ):
        assert needed in names, needed


def test_the_links_in_the_docs_lead_somewhere() -> None:
    broken: list[str] = []
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        targets = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
        broken += [
            f"{page.relative_to(ROOT)}: {target}"
            for target in targets
            if "://" not in target and not (page.parent / target).exists()
        ]
    assert broken == []


def test_the_glossary_has_every_term_of_the_ports() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    for term in (
        "Service",
        "Environment",
        "Target",
        "Instance",
        "Artifact",
        "Operation",
        "Plan",
        "Effect",
        "Outbox",
    ):
        assert f"| {term}" in glossary, term


def test_the_scripts_are_executable_and_named_in_contributing() -> None:
    for name in ("bootstrap", "server", "test", "cibuild", "console", "bench"):
        assert (ROOT / "script" / name).stat().st_mode & 0o111, name
