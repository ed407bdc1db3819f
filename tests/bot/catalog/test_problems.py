"""What is wrong with a catalog, as the person who wrote it reads it: whole lines with their places."""

from pathlib import Path

import pytest

from bot.catalog import CatalogError, check_report, load_catalog, parse_catalog

GOOD = """\
team: T0SHIPBELL
environments:
  test:
    channel: "#test-env"
    tell: [tester]
  prod:
    channel: "#deploys"
    approvals: {channel: "#releases", count: 1, roles: [lead], expires: 8h}
people:
  dana: {slack: U0DANA, roles: [developer]}
  lee: {slack: U0LEE, roles: [lead]}
strategies:
  careful: {batch: 1, on_failure: ask}
services:
  shop:
    source: {git: ../shop.git, branch: main}
    build: {local: {command: ./build.sh}}
    targets:
      test: {local: {port: 8501, instances: 2}}
      prod: {local: {port: 8502}, strategy: {like: careful, pause: 5s}}
"""


def problems(text: str | bytes) -> list[str]:
    """The report's lines without the file's name."""
    data = text if isinstance(text, bytes) else text.encode()
    try:
        parse_catalog(data, "shipbell.yaml")
    except CatalogError as error:
        return [str(problem).removeprefix("shipbell.yaml:") for problem in error.problems]
    return []


def test_the_good_one_has_none():
    assert problems(GOOD) == []


SLIPS = {
    # Words that name nothing.
    ("tell: [tester]", "tell: [testr]"): ["5:12: There is no role `testr`. Did you mean `tester`?"],
    ("tell: [tester]", "tell: [boss]"): [
        "5:12: There is no role `boss`. There are viewer, developer, tester, lead, admin."
    ],
    ("      prod: {local", "      prd: {local"): [
        "20:7: There is no environment `prd`. Did you mean `prod`?"
    ],
    ("like: careful", "like: carefull"): ["20:52: There is no strategy `carefull`. Did you mean `careful`?"],
    ("like: careful", "like: quick"): ["20:52: There is no strategy `quick`. There are careful."],
    ("tell: [tester]", "may: {deploi: [lead]}"): [
        "5:11: This name is `deploi`, which is no action that an environment can hand out. There are deploy, promote, rollback, "
        "restart, stop, start, scale, configure, abort, answer, view, logs. Did you mean `deploy`?"
    ],
    ("tell: [tester]", "may: {approve: [lead]}"): [
        "5:11: This name is `approve`. Who approves is said by `approvals: {roles: […]}`."
    ],
    ("on_failure: ask", "on_failure: aks"): [
        "13:35: `on_failure` is `aks`, which is no way to go on. There are rollback, ask, stop. Did you mean `ask`?"
    ],
    # Keys.
    ("    targets:", "    tagrets:"): [
        "15:3: `shop` has no `targets`, which it needs.",
        "18:5: `tagrets` is no key of a service. Did you mean `targets`?",
    ],
    ("    tell: [tester]", "    tell: [tester]\n    colour: red"): [
        "6:5: `colour` is no key of an environment. Known here: channel, approvals, may, tell."
    ],
    ("services:", "service:"): ["14:1: `service` is no key of the catalog. Did you mean `services`?"],
    ("  dana: {slack: U0DANA, roles: [developer]}", "  dana: {}"): [
        "10:3: `dana` has no `slack`, which it needs.",
        "10:3: `dana` has no `roles`, which it needs.",
    ],
    ("  lee: {slack", "  dana: {slack"): [
        "8:46: 1 person has to approve here, but none of the people in the catalog have the role lead (or admin).",
        "11:3: `dana` is said twice: here and in line 10. Only one can hold.",
    ],
    # Adapter kinds.
    ("{local: {port: 8501, instances: 2}}", "{docker: {image: shop}}"): [
        "19:14: `docker` (containers on Docker hosts) is not built in yet. There is `local`."
    ],
    ("{local: {port: 8501, instances: 2}}", "{kubernetes: {}}"): [
        "19:14: `kubernetes` (a Kubernetes workload) is not built in yet. There is `local`."
    ],
    ("{local: {port: 8501, instances: 2}}", "{swarm: {}}"): [
        "19:14: `swarm` (a Docker Swarm service) is not built in yet. There is `local`."
    ],
    ("{local: {port: 8501, instances: 2}}", "{ssh: {}}"): [
        "19:14: `ssh` (processes on plain hosts) is not built in yet. There is `local`."
    ],
    ("{local: {command: ./build.sh}}", "{jenkins: {job: shop}}"): [
        "17:13: `jenkins` (a Jenkins job) is not built in yet. There is `local`."
    ],
    ("{local: {command: ./build.sh}}", "{gitlab: {}}"): [
        "17:13: `gitlab` (a GitLab pipeline) is not built in yet. There is `local`."
    ],
    ("{local: {command: ./build.sh}}", "{circleci: {}}"): [
        "17:13: `circleci` (a CircleCI pipeline) is not built in yet. There is `local`."
    ],
    ("{local: {command: ./build.sh}}", "{gocd: {}}"): [
        "17:13: `gocd` (a GoCD pipeline) is not built in yet. There is `local`."
    ],
    ("{local: {port: 8501, instances: 2}}", "{locl: {port: 1}}"): [
        "19:14: `locl` is no key of a target. Did you mean `local`?"
    ],
    ("{local: {port: 8501, instances: 2}}", "{url: http://x}"): [
        "19:7: `test` says no kind: a target needs `local`."
    ],
    # Values.
    ("port: 8502", "port: 8501"): [
        "20:28: Port 8501 is taken by shop in test. Two targets can't share a port."
    ],
    ("port: 8502", "port: 99999"): ["20:28: `port` is `99999`. Write a whole number from 1 to 65535."],
    ("instances: 2", "instances: many"): [
        "19:45: `instances` is `many`. Write a whole number from 1 to 100."
    ],
    ("pause: 5s", "pause: 5"): [
        "20:68: `pause` is `5`, which is no duration. Write a number with its unit: 30s, 2m, 1h30m. Did you mean `5s`?"
    ],
    ("pause: 5s", "pause: 99999h"): ["20:68: `pause` is `99999h`, which is longer than 30 days."],
    ("batch: 1", "batch: 0"): [
        "13:20: `batch` is `0`. Write a number of instances such as 2, or a share from 1% to 100%."
    ],
    ("batch: 1", "batch: 101%"): [
        "13:20: `batch` is `101%`. Write a number of instances such as 2, or a share from 1% to 100%."
    ],
    ("roles: [developer]", "roles: developer"): ["10:32: `roles` has to be a list, such as [developer]."],
    ("strategy: {like: careful, pause: 5s}", "strategy: [careful]"): [
        "20:35: `strategy` has to be a mapping, with `key: value` in it."
    ],
    ("U0DANA", "dana"): [
        "10:17: `slack` is `dana`, which is not the id of a person. Slack shows it in the profile: U0123ABCD."
    ],
    ("U0DANA", "u0dana"): [
        "10:17: `slack` is `u0dana`, which is not the id of a person. Slack shows it in the profile: U0123ABCD. "
        "Did you mean `U0DANA`?"
    ],
    ("U0LEE", "U0DANA"): [
        "11:16: `lee` has the Slack id U0DANA, which `dana` has already. One person has one name."
    ],
    ('"#test-env"', "test-env"): [
        '4:14: `channel` is `test-env`. Write a channel as "#deploys" (in quotes) or by its id such as C0123ABCD. '
        "Did you mean `#test-env`?"
    ],
    ("count: 1", "count: 2"): [
        "8:46: 2 people have to approve here, but only 1 of the people in the catalog has the role lead (or admin)."
    ],
    ("../shop.git", "https://bot:s3cret@git.example/shop.git"): [
        "16:19: `git` has a password or token in its URL. Secrets don't belong into the catalog: use git's credential helper."
    ],
    ("../shop.git", "'ext::sh -c id'"): [
        "16:19: `git` is neither a path such as ../shop.git nor a git URL such as https://git.example/shop.git."
    ],
    ("../shop.git", "--upload-pack=id"): [
        "16:19: `git` is neither a path such as ../shop.git nor a git URL such as https://git.example/shop.git."
    ],
    ("branch: main", "branch: -f"): ["16:40: `branch` is `-f`, which git does not take as a branch's name."],
    ("command: ./build.sh", "command: ./build.sh, output: ../out"): [
        "17:50: `output` is `../out`. Write a path inside the checkout, such as `dist`."
    ],
    ("pause: 5s", "health: {command: ./ok, path: /ok}"): [
        "20:61: `health` has a `path`, which a check of the kind command does not ask for."
    ],
    ("    source:", "    configuration: {PORT: 1, 'A B': 2, OK: 3}\n    source:"): [
        "16:21: This name is `PORT`, which Shipbell sets itself. Choose another name.",
        "16:30: This name is `A B`. An environment variable's name has letters, digits and `_`.",
    ],
    ("  shop:", "  to:"): [
        "15:3: This name is `to`, a word that Shipbell needs itself. Choose another name."
    ],
    ("  shop:", '  "my shop":'): [
        "15:3: This name is `my shop`, which is no name. A name has letters, digits, `-`, `_` and `.`, beginning with a letter "
        "or digit, at most 40."
    ],
    ("  lee: {", "  Dana: {"): ["11:3: `Dana` and `dana` are the same word to a person who types it."],
    ("strategies:", "roles: {lead: {}, boss: {like: [leed]}}\nstrategies:"): [
        "12:9: `lead` is a role that ships with Shipbell. Give yours another name, and say `like: [lead]`.",
        "12:33: `like` names the role `leed`; it can name shipped roles: viewer, developer, tester, lead, admin. "
        "Did you mean `lead`?",
    ],
    ("strategies:", "groups: {LEADS: [lead]}\nstrategies:"): [
        "12:10: This name is `LEADS`, which is not the id of a user group. Slack shows it in the profile: S0123ABCD."
    ],
    # What YAML does to people.
    ('channel: "#test-env"', "channel: #test-env"): [
        '4:5: `channel` is empty. `#test-env` is a comment in YAML. Write it in quotes: "#test-env".'
    ],
    ('channel: "#releases"', "channel: #releases"): [
        '8:26: `#releases` is a comment in YAML. Write it in quotes: "#releases".'
    ],
    ("    tell:", "\ttell:"): ["5:1: A tab is used for indentation. YAML wants spaces here."],
    ("  dana: {slack: U0DANA, roles: [developer]}", "  dana:"): [
        "10:3: `dana` is empty. Give it a value, or leave the key out."
    ],
    ("roles: [developer]", "roles: [developer, ~]"): [
        "10:44: This item is empty. Remove it, or write it in quotes."
    ],
    ("roles: [developer]", "roles: *nobody"): [
        "10:32: Undefined alias 'nobody': no `&` with this name stands above."
    ],
    ("command: ./build.sh", "command: @build"): ["17:30: A value that begins with `@` has to be in quotes."],
    ("command: ./build.sh", "command: !!python/name:os.system x"): [
        "17:30: Tags such as `!!python/name:os.system` are not used in a catalog.",
        "17:30: `command` is an empty command.",
    ],
}


@pytest.mark.parametrize(
    ("slip", "expected"), SLIPS.items(), ids=lambda v: v[1][:40] if isinstance(v, tuple) else ""
)
def test_a_slip_is_told_with_its_place(slip, expected):
    before, after = slip
    assert GOOD.count(before) >= 1
    assert problems(GOOD.replace(before, after, 1)) == expected


def test_all_problems_are_told_at_once_in_the_order_of_the_file():
    text = GOOD
    for before, after in (
        ("tell: [tester]", "tell: [testr]"),
        ("U0LEE", "u0lee"),
        ("batch: 1", "batch: none"),
        ("{local: {command: ./build.sh}}", "{jenkins: {}}"),
        ("      prod: {local: {port: 8502}", "      prd: {local: {port: eighty}"),
    ):
        text = text.replace(before, after)
    places = [line.split(": ")[0] for line in problems(text)]
    assert places == ["5:12", "11:16", "13:20", "17:13", "20:7", "20:27"]


WHOLE_FILES = {
    "": [" The file is empty. A catalog begins with `environments:`."],
    "# nothing\n": [" The file is empty. A catalog begins with `environments:`."],
    "hello": ["1:1: A catalog is a mapping: lines of `key: value`, beginning with `environments:`."],
    "- a\n": ["1:1: A catalog is a mapping: lines of `key: value`, beginning with `environments:`."],
    "environments: {}\n": ["1:1: `environments` is empty; at least one belongs in it."],
    "services: {}\n": [" The catalog has no `environments`, which it needs."],
    "team: T01\n---\nteam: T02\n": [
        "2:1: A second document begins here. A catalog is one document: remove this `---`."
    ],
    "a: b: c\n": [
        "1:5: A colon followed by a space is not allowed here. Put the value in quotes, or check the indentation."
    ],
    'a: "b\n': ["2:1: This is not YAML: found unexpected end of stream while scanning a quoted scalar."],
    b"team: \xff\n": ["1:7: Byte 0xff is not UTF-8. Save the file as UTF-8."],
    "team: T0SHIPBELL\n".encode("utf-16"): ["1:1: Byte 0xff is not UTF-8. Save the file as UTF-8."],
    "team: \x00\n": ["1:7: The control character U+0000 is not allowed in YAML."],
    "[" * 5_000: [" The values are nested too deeply."],
    "x-a: &x [*x]\nenvironments: {test: {channel: C012}}\n": ["1:6: This alias contains itself."],
    "environments: {test: {channel: C012}}\n1: x\n[a]: b\n": [
        "2:1: `1` is no key of the catalog. Known here: team, admins, fallback, environments, roles, people, groups, "
        "strategies, services.",
        "3:1: A key has to be a word, not a list or a mapping.",
    ],
}


@pytest.mark.parametrize(("text", "expected"), WHOLE_FILES.items(), ids=lambda v: repr(v)[:30])
def test_a_file_that_is_no_catalog(text, expected):
    assert problems(text) == expected


def test_a_file_of_ten_megabytes_is_refused_unread(tmp_path):
    path = tmp_path / "shipbell.yaml"
    path.write_bytes(b"# a comment\n" * 900_000)
    with pytest.raises(CatalogError, match="larger than a catalog may be: at most 1,000,000 bytes"):
        load_catalog(path)


def test_a_few_aliases_that_stand_for_billions_of_values_are_refused_soon():
    lines = ["x-a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"x-{name}: &{name} [{', '.join([f'*{before}'] * 10)}]")
    assert problems("\n".join(lines)) == [
        " The aliases of this file stand for more than 50,000 values; write fewer of them."
    ]


def test_a_secret_in_a_url_is_not_repeated():
    [line] = problems(GOOD.replace("../shop.git", "https://x:hunter2@git.example/shop.git"))
    assert "hunter2" not in line


def test_a_file_that_is_not_there(tmp_path):
    path = tmp_path / "shipbell.yaml"
    good, report = check_report(path)
    assert not good
    assert report == (
        f"{path}: There is no such file. Say where the catalog is, or begin with one of examples/.\n1 problem in {path}"
    )
    with pytest.raises(CatalogError, match="This is a folder"):
        load_catalog(tmp_path)
    with pytest.raises(CatalogError, match="can't be read"):
        load_catalog("no\0name")


def test_the_report_reads_like_a_compilers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("shipbell.yaml").write_text(GOOD.replace("[tester]", "[testr]").replace("8502", "8501"))
    assert check_report("shipbell.yaml") == (
        False,
        "shipbell.yaml:5:12: There is no role `testr`. Did you mean `tester`?\n"
        "shipbell.yaml:20:28: Port 8501 is taken by shop in test. Two targets can't share a port.\n"
        "2 problems in shipbell.yaml",
    )
    Path("shipbell.yaml").write_text(GOOD)
    assert check_report("shipbell.yaml") == (
        True,
        "shipbell.yaml: good (2 environments, 1 service, 2 targets, 2 people)",
    )


def test_further_checks_are_problems_of_the_catalog_too(tmp_path):
    path = tmp_path / "shipbell.yaml"
    path.write_text(GOOD)
    with pytest.raises(CatalogError) as caught:
        load_catalog(path, lambda catalog: [f"policy.cedar:3: no role in {len(catalog.people)} people"])
    assert [str(problem) for problem in caught.value.problems] == [
        f"{path}: policy.cedar:3: no role in 2 people"
    ]
