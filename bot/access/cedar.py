"""The Access port with Cedar. Fails closed: only an Allow without errors, by policies that we know, is a YES."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import cedarpy
import structlog
from rapidfuzz import process

from bot.access import people, sentences
from bot.access.policies import ENTITY_TYPES, SHIPPED, PolicyProblem, load
from bot.access.request import ANY, Question
from bot.domain.actions import ACTIONS
from bot.domain.catalog import Catalog
from bot.domain.gates import Answer, Decision, Gate, WhoMay
from bot.domain.identity import Actor, Profile
from bot.ports import Permission

_MOST_ANSWERS = 20_000

log = structlog.get_logger(__name__)


class CedarAccess:
    """Decides by the shipped policies and those in `policy_dir`, read once. Raises PolicyError when they can't be used."""

    def __init__(self, policy_dir: Path | None = None) -> None:
        self._policies = load(policy_dir)
        self._answers = _Answers()

    @property
    def replaced(self) -> tuple[str, ...]:
        """The ids of the shipped policies that the deployment's own replaced, for `doctor` to show."""
        return self._policies.replaced

    @property
    def policy_ids(self) -> tuple[str, ...]:
        return tuple(self._policies.by_id)

    def problems(self, catalog: Catalog) -> tuple[PolicyProblem, ...]:
        """Names in the policies that the catalog doesn't have: a misspelt role passes Cedar's own validation.

        To be asked at start and before a new catalog comes into force. The shipped policies name shipped roles only."""
        known: dict[str, Sequence[str]] = {
            "Role": catalog.roles,
            "Person": tuple(catalog.people),
            "Service": (*catalog.services, ANY),
            "Environment": (*catalog.environments, ANY),
        }
        found: dict[PolicyProblem, None] = {}
        for policy in self._policies.by_id.values():
            if policy.file.startswith(f"{SHIPPED}/"):
                continue
            for kind, identity in policy.entities():
                if kind in ENTITY_TYPES and identity not in known[kind]:
                    what = f'Policy "{policy.id}" names the {kind.lower()} "{identity}", which is not in the catalog.'
                    near = process.extract(identity, known[kind], limit=1, score_cutoff=60)
                    problem = PolicyProblem(policy.file, policy.line, what, tuple(match[0] for match in near))
                    found.setdefault(problem)
        return tuple(found)

    def decide(self, actor: Actor, permission: Permission, catalog: Catalog) -> Decision:
        """The role gate's Decision; `policies` are the @ids that decided, `clears` those who would be permitted."""
        if permission.action not in ACTIONS:
            reason = f"There is no action {permission.action!r} that could be permitted."
            return Decision(Gate.ROLE, Answer.NO, reason)
        answers = self._answers.of(catalog)
        known = answers.decisions.get((actor, permission))
        if known is not None:
            return known
        [verdict] = self._ask([Question.of(actor, permission, catalog)])
        if verdict.problem:
            log.error("access.failed", action=permission.action, actor=actor.name, problem=verdict.problem)
            reason = (
                "The access policies could not decide, so the answer is no. Shipbell's log has the cause."
            )
            return Decision(Gate.ROLE, Answer.NO, reason, verdict.policies)
        decision = self._decided(verdict, actor, permission, catalog)
        answers.decisions[actor, permission] = decision
        return decision

    def _decided(self, verdict: _Verdict, actor: Actor, permission: Permission, catalog: Catalog) -> Decision:
        if verdict.is_allowed:
            return Decision(Gate.ROLE, Answer.YES, sentences.permitted(actor, permission), verdict.policies)
        forbidden = self._reason_of(verdict.policies) if verdict.policies else ""
        reason = forbidden or sentences.not_permitted(actor, permission)
        return Decision(Gate.ROLE, Answer.NO, reason, verdict.policies, self.who_may(permission, catalog))

    def who_may(self, permission: Permission, catalog: Catalog) -> WhoMay:
        """Asks Cedar for somebody with each role alone (`*lead`, which is nobody's name), and for each of the catalog's
        people with the roles they have."""
        if permission.action not in ACTIONS:
            return WhoMay()
        answers = self._answers.of(catalog)
        if permission not in answers.who_may:
            answers.who_may[permission] = self._who_may(permission, catalog)
        return answers.who_may[permission]

    def _who_may(self, permission: Permission, catalog: Catalog) -> WhoMay:
        samples = [Actor(f"{ANY}{role}", "", frozenset({role})) for role in catalog.roles]
        people = [Actor(person.name, "", person.roles, person.slack) for person in catalog.people.values()]
        questions = [Question.of(actor, permission, catalog) for actor in (*samples, *people)]
        # Hundreds of people have a handful of different roles: those whom no policy could tell apart are asked about once.
        asked = {self._likeness(question): question for question in questions}
        verdicts = dict(zip(asked, self._ask(list(asked.values())), strict=True))
        allowed = {q.principal.name for q in questions if verdicts[self._likeness(q)].is_allowed}
        roles = tuple(role for role in catalog.roles if f"{ANY}{role}" in allowed)
        return WhoMay(roles, tuple(name for name in catalog.people if name in allowed))

    def _likeness(self, question: Question) -> tuple[object, ...]:
        principal = question.principal
        if self._policies.is_personal:
            return (principal,)
        return (principal.roles, principal.is_automatic, question.asked.is_own)

    def identify(self, profile: Profile, catalog: Catalog) -> Actor | Decision:
        return people.identify(profile, catalog)

    def _reason_of(self, policies: Iterable[str]) -> str:
        reasons = (self._policies.by_id[identity].reason for identity in policies)
        return next(
            (reason for reason in reasons if reason), f'The policy "{next(iter(policies))}" forbids it.'
        )

    def _ask(self, questions: Sequence[Question]) -> list[_Verdict]:
        """Cedar's answers in the questions' order, in one call: reading the entities is what costs time."""
        requests = [question.as_request() for question in questions]
        entities = {str(entity["uid"]): entity for question in questions for entity in question.entities()}
        try:
            results = cedarpy.is_authorized_batch(
                requests, self._policies.parsed, list(entities.values()), self._policies.schema
            )
        except (ValueError, TypeError, KeyError, RuntimeError) as error:
            return [_Verdict(problem=f"{type(error).__name__}: {error}")] * len(questions)
        if len(results) != len(questions):
            return [_Verdict(problem="Cedar left questions unanswered")] * len(questions)
        return [self._verdict(result) for result in results]

    def _verdict(self, result: cedarpy.AuthzResult) -> _Verdict:
        ids = tuple(sorted(result.diagnostics.reasons))
        known = tuple(identity for identity in ids if identity in self._policies.by_id)
        if result.diagnostics.errors or known != ids or result.decision is cedarpy.Decision.NoDecision:
            problem = (
                "; ".join(result.diagnostics.errors) or f"Cedar gave no decision by policies of ours: {ids}"
            )
            return _Verdict(policies=known, problem=problem)
        # An Allow names what permitted it. One that doesn't would not be understood, so it isn't taken.
        return _Verdict(is_allowed=result.allowed and bool(ids), policies=ids)


class _Answers:
    """What was answered for one Catalog. A Decision depends on nothing but the policies, the Catalog, the Actor with the roles
    they have now, and the Permission: all of them values."""

    def __init__(self) -> None:
        self.decisions: dict[tuple[Actor, Permission], Decision] = {}
        self.who_may: dict[Permission, WhoMay] = {}
        self._catalog: Catalog | None = None

    def of(self, catalog: Catalog) -> _Answers:
        """These answers, emptied first if they are another Catalog's or have become many."""
        if catalog is not self._catalog or len(self.decisions) + len(self.who_may) > _MOST_ANSWERS:
            self.decisions, self.who_may, self._catalog = {}, {}, catalog
        return self


class _Verdict:
    """What Cedar said: allowed or not, by which policies; `problem` when it couldn't tell."""

    __slots__ = ("is_allowed", "policies", "problem")

    def __init__(self, is_allowed: bool = False, policies: tuple[str, ...] = (), problem: str = "") -> None:
        self.is_allowed = is_allowed and not problem
        self.policies = policies
        self.problem = problem
