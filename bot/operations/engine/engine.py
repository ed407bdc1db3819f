"""The engine: DBOS, kept on a short lead. With run.py beside it, the only module that imports dbos.

What it adds to DBOS: one process per SQLite file; runs that end without an outcome when the lease is lost, the engine's
database fails, or the app closes, and that are carried on later; takeover of a dead replica's work; an end within seconds.
What it must not know: Operations, Plans, chat. DBOS is process-wide, so one Engine at a time is launched in a process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID, WorkflowStatus
from dbos import error as dbos_error

from bot.domain.errors import LeaseLost
from bot.operations.engine.errors import EngineError, EngineUnavailable, RunEnded
from bot.operations.engine.process_lock import ProcessLock, use_wal
from bot.operations.engine.quiet import quieten
from bot.operations.engine.run import WorkflowRun, first_line
from bot.operations.engine.settings import EngineSettings
from bot.operations.engine.steps import Json, current_run, through_json

logger = logging.getLogger(__name__)

Workflow: TypeAlias = Callable[[dict[str, Json]], Awaitable[None]]
State: TypeAlias = Literal["pending", "done", "error"]
R = TypeVar("R")

# Changed only when the interpreter can't carry on what an older one began: DBOS recovers rows of its own version only.
APPLICATION_VERSION = "shipbell-1"
_WAITING = ("PENDING", "ENQUEUED", "DELAYED")


@dataclass(frozen=True)
class Waiting:
    """A workflow without an outcome. replica: who runs it or ran it last; None while it waits in the queue for a taker."""

    workflow_id: str
    name: str
    replica: str | None


class Engine:
    """workflows: name -> coroutine function that takes the argument given to `start`; names are stored, so they never change.
    guard: called before every step and at every checkpoint, raises LeaseLost when this replica may not act any more (`LeaseKeeper.check`).
    interruptions: exceptions that are no outcome (our own database is away or full): a run that meets one in a step or in its
    body ends, stays pending, and is carried on after a pause.
    """

    def __init__(
        self,
        settings: EngineSettings,
        workflows: Mapping[str, Workflow],
        *,
        guard: Callable[[], object] = lambda: None,
        interruptions: tuple[type[Exception], ...] = (),
    ) -> None:
        self._settings = settings
        self._workflows = dict(workflows)
        self._guard = guard
        self._interruptions = interruptions
        self._registered: dict[str, Callable[[dict[str, Json]], Coroutine[None, None, None]]] = {}
        self._lock: ProcessLock | None = None
        self._launched = False
        self._closing = False
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._superseded: set[asyncio.Task[None]] = set()
        self._retries: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, int] = {}
        self._trouble: str | None = None

    # --- life

    def claim(self) -> None:
        """Takes the SQLite file, as `launch` does otherwise; nothing on PostgreSQL. For whoever must know that no other process
        runs before it does something that the other one would mind. Raises EngineError."""
        file = self._settings.sqlite_file
        if file is not None and self._lock is None:
            lock = ProcessLock(file.with_name(file.name + ".lock"))
            lock.take()
            self._lock = lock

    async def launch(self) -> None:
        """Opens the engine's database, creating what is missing, and carries on what this replica's last life left, on the
        running loop. Holds the loop for some 50 ms: call it before serving. Raises EngineError when another
        process has the SQLite file, EngineUnavailable when the database can't be opened; then nothing is left open."""
        global _launched_engine
        if _launched_engine is not None:
            raise EngineError(
                "An engine is running in this process already.", "Close it first: DBOS is process-wide."
            )
        settings = self._settings
        file = settings.sqlite_file
        self.claim()
        _launched_engine = self
        quieten(settings)
        try:
            if file is not None:
                use_wal(file)
            # On a thread: replicas that start together wait for each other's migrations, in naps of a second.
            await asyncio.to_thread(DBOS.migrate, settings.address, schema=settings.schema)
            self._registered = {name: self._register(name) for name in self._workflows}
            DBOS(config=self._config())
            # On this thread, inside the loop: DBOS adopts the loop that is running here for every run that it recovers.
            DBOS.launch()
        except Exception as error:  # noqa: BLE001 - DBOS and its drivers raise whatever they like; all of it means "not now"
            await self._shut_down()
            raise EngineUnavailable(
                f"The engine's database {settings.printable_url} can't be opened: {settings.hide(first_line(error))}.",
                "Check SHIPBELL_DATABASE_URL, that the server answers, and that there is room on its disk.",
            ) from None
        self._closing = False
        self._launched = True

    async def close(self) -> None:
        """Takes no more work; running steps get `drain` seconds to end, then they are cancelled. Everything without an outcome
        stays pending for the next life. Done within `drain` + 2 × `stop` seconds, also when the database is away."""
        if not self._launched and self._lock is not None:
            self._lock.release()
            self._lock = None
        if not self._launched or self._closing:
            return
        self._closing = True
        for retry in self._retries.values():
            retry.cancel()
        await _settle([*self._runs.values()], self._settings.drain)
        for run in self._runs.values():
            run.cancel()
        await _settle([*self._runs.values(), *self._retries.values()], self._settings.stop)
        self._launched = False
        await self._shut_down()

    # --- work

    async def start(self, name: str, workflow_id: str, argument: dict[str, Json]) -> None:
        """Begins a workflow and returns once it is recorded. An id that was started before, here or elsewhere, in whatever
        state, is left as it is: `forget` it first to have it run anew. Raises EngineUnavailable when it can't be recorded."""
        self._must_run()
        workflow = self._registered.get(name)
        if workflow is None:
            raise EngineError(f"No workflow is called {name}.", nearest=sorted(self._registered))
        if not workflow_id.strip():
            raise EngineError("A workflow needs an id.")
        payload = through_json(f"The argument of {workflow_id}", argument)

        async def begin() -> None:
            with SetWorkflowID(workflow_id):
                await DBOS.start_workflow_async(workflow, payload)  # type: ignore[arg-type]  # a dict, as given

        # In a context of its own, as after a recovery: nothing of the caller's leaks into a run that may outlive it by days.
        task = asyncio.get_running_loop().create_task(begin(), context=Context())
        await self._said(f"start the workflow {workflow_id}", asyncio.shield(task))

    async def status(self, workflow_id: str) -> State | None:
        """None: no such workflow (never started, forgotten, or the engine's tables were emptied)."""
        row = await self._row(workflow_id)
        return None if row is None else _state(row)

    async def pending(self) -> list[Waiting]:
        """Every workflow without an outcome, of all replicas, oldest first. Replicas named here that don't live are to be taken
        over."""
        rows = await self._said(
            "list the workflows",
            DBOS.list_workflows_async(status=list(_WAITING), load_input=False, load_output=False),
        )
        return [
            Waiting(row.workflow_id, row.name, row.executor_id if row.status == "PENDING" else None)
            for row in rows
        ]

    def running(self) -> frozenset[str]:
        """The ids that run in this process now."""
        return frozenset(self._runs)

    async def take_over(self, dead_replica: str) -> list[str]:
        """Hands a dead replica's pending workflows to whichever live replica is first to ask, usually this one within about a
        second; they carry on at the first step that isn't recorded. Returns their ids. Said twice, or by two replicas at once,
        each is handed over once. To be repeated while a dead replica has pending rows: a taker may die in between."""
        self._must_run()
        if dead_replica == self._settings.replica:
            raise EngineError(
                f"{dead_replica} is this replica: it can't take over its own work while it lives."
            )
        self._guard()
        # list_workflows and resume_workflow are the public way, but two replicas that do it at once start a workflow twice.
        # This one re-enqueues only rows that still belong to the dead replica. The conformance suite holds it in place.
        handles = await self._said(
            f"take over the work of {dead_replica}",
            asyncio.to_thread(DBOS._recover_pending_workflows, [dead_replica]),
        )
        return [handle.workflow_id for handle in handles]

    async def forget(self, workflow_id: str) -> None:
        """Removes a finished workflow's records, so that its id can be started anew. Raises EngineError while it is pending."""
        if (state := await self.status(workflow_id)) is None:
            return
        if state == "pending":
            raise EngineError(
                f"The workflow {workflow_id} is pending, and can't be forgotten before it has ended."
            )
        await self._said(f"forget the workflow {workflow_id}", DBOS.delete_workflow_async(workflow_id))

    @property
    def trouble(self) -> str | None:
        """What kept the engine from recording, if its last attempt failed; None when all is well. For the health page."""
        return self._trouble

    # --- a run

    def _register(self, name: str) -> Callable[[dict[str, Json]], Coroutine[None, None, None]]:
        body = self._workflows[name]

        async def run(argument: dict[str, Json]) -> None:
            await self._run(body, argument)

        # None: past a number of recoveries DBOS would park a workflow in silence.
        return DBOS.workflow(name=name, max_recovery_attempts=None)(run)

    async def _run(self, body: Workflow, argument: dict[str, Json]) -> None:
        workflow_id = DBOS.workflow_id
        task = asyncio.current_task()
        if workflow_id is None or task is None:
            raise AssertionError("a run without an id or a task")
        await self._wait_for_earlier_run(workflow_id)
        self._runs[workflow_id] = task
        task.add_done_callback(lambda ended: self._ended(workflow_id, ended))
        run = WorkflowRun(workflow_id, self._may_go_on, self._interruptions, self._recorded)
        run.may_go_on()
        current_run.set(run)
        try:
            await body(argument)
        except LeaseLost as loss:
            raise RunEnded(loss.what, retry=False) from loss
        except self._interruptions as error:
            raise RunEnded(f"{type(error).__name__}: {error}", retry=True) from error
        except Exception:
            logger.exception("workflow %s failed", workflow_id)
            raise

    async def _wait_for_earlier_run(self, workflow_id: str) -> None:
        """A workflow that was taken from this replica and came back may still have its old run here: never both at once."""
        while (earlier := self._runs.get(workflow_id)) is not None:
            self._superseded.add(earlier)
            earlier.cancel()
            await asyncio.wait([earlier])
            await asyncio.sleep(0)  # `_ended` has to be called before the next look

    def _may_go_on(self) -> None:
        """Raises RunEnded when no further effect may begin here."""
        if self._closing:
            raise RunEnded("The engine closes.", retry=False)
        try:
            self._guard()
        except LeaseLost as loss:
            raise RunEnded(loss.what, retry=False) from loss

    def _recorded(self, trouble: str | None) -> None:
        self._trouble = None if trouble is None else self._settings.hide(trouble)

    def _ended(self, workflow_id: str, task: asyncio.Task[None]) -> None:
        """A run that ended without an outcome is carried on after a pause, unless it may not be."""
        if self._runs.get(workflow_id) is task:
            del self._runs[workflow_id]
        superseded = task in self._superseded
        self._superseded.discard(task)
        error = None if task.cancelled() else task.exception()
        if not task.cancelled() and error is None:
            self._failures.pop(workflow_id, None)
            return
        if isinstance(error, RunEnded):
            logger.warning("workflow %s paused: %s", workflow_id, self._settings.hide(error.reason))
        if superseded or self._closing or workflow_id in self._retries:
            return
        if isinstance(error, RunEnded) and not error.retry:
            return
        retry = asyncio.get_running_loop().create_task(self._carry_on(workflow_id), context=Context())
        self._retries[workflow_id] = retry
        retry.add_done_callback(lambda _: self._retries.pop(workflow_id, None))

    async def _carry_on(self, workflow_id: str) -> None:
        """Runs the workflow again if it still has no outcome and is still this replica's."""
        while not self._closing:
            failures = self._failures[workflow_id] = self._failures.get(workflow_id, 0) + 1
            await asyncio.sleep(
                min(self._settings.retry_first * 2 ** (failures - 1), self._settings.retry_most)
            )
            try:
                row = await self._row(workflow_id)
                if workflow_id in self._runs or row is None or not self._is_ours(row):
                    self._failures.pop(workflow_id, None)
                    return
                self._guard()
                await self._said(
                    f"carry on the workflow {workflow_id}", DBOS.resume_workflow_async(workflow_id)
                )
            except EngineUnavailable as error:
                logger.warning("workflow %s waits: %s", workflow_id, error)
            except LeaseLost:
                return
            else:
                return

    def _is_ours(self, row: WorkflowStatus) -> bool:
        return row.status == "PENDING" and row.executor_id == self._settings.replica

    # --- DBOS

    def _config(self) -> DBOSConfig:
        settings = self._settings
        config: DBOSConfig = {
            "name": "shipbell",
            "system_database_url": settings.address,
            "dbos_system_schema": settings.schema,
            "application_version": APPLICATION_VERSION,
            "executor_id": settings.replica,
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "WARNING",
            "enable_otlp": False,
            "run_migrations": False,  # done before, off the loop
            "sys_db_pool_size": settings.pool,
            # Nothing waits for messages or events inside a workflow, so no connection has to listen for them.
            "use_listen_notify": False,
            # A thread that finds nothing to do, but `close` waits for the end of its nap.
            "notification_listener_polling_interval_sec": 0.1,
        }
        return config

    async def _row(self, workflow_id: str) -> WorkflowStatus | None:
        rows = await self._said(
            f"look up the workflow {workflow_id}",
            DBOS.list_workflows_async(workflow_ids=[workflow_id], load_input=False, load_output=False),
        )
        return rows[0] if rows else None

    async def _said(self, what: str, call: Awaitable[R]) -> R:
        """Awaits a call to DBOS, with its failure in our words."""
        self._must_run()
        try:
            result = await call
        except dbos_error.DBOSConflictingWorkflowError as error:
            raise EngineError(
                f"The engine can't {what}: the id belongs to a workflow of another name."
            ) from error
        except Exception as error:  # noqa: BLE001 - DBOS raises what its drivers raise; no vendor's error leaves here
            reason = self._settings.hide(first_line(error))
            self._recorded(f"The engine can't {what}: {reason}")
            raise EngineUnavailable(f"The engine can't {what}: {reason}.", "It can be tried again.") from None
        self._recorded(None)
        return result

    def _must_run(self) -> None:
        if not self._launched:
            raise EngineError("The engine is not running.", "Await `launch` first.")

    async def _shut_down(self) -> None:
        """Ends DBOS on a thread of its own, so that the loop stays free and a database that hangs can't hold it."""
        global _launched_engine
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()

        def destroy() -> None:
            DBOS.destroy(destroy_registry=True)
            with contextlib.suppress(RuntimeError):  # the loop has gone already
                loop.call_soon_threadsafe(ended.set)

        threading.Thread(target=destroy, name="engine-shut-down", daemon=True).start()
        try:
            await asyncio.wait_for(ended.wait(), self._settings.stop)
            _launched_engine = None
        except TimeoutError:
            logger.warning(
                "the engine did not shut down within %g s and is left to itself", self._settings.stop
            )
        # DBOS made its thread pool the loop's default and has shut it down: `asyncio.to_thread` needs one that works.
        loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))
        if self._lock is not None:
            self._lock.release()
            self._lock = None


_launched_engine: Engine | None = None


def _state(row: WorkflowStatus) -> State:
    if row.status in _WAITING:
        return "pending"
    return "done" if row.status == "SUCCESS" else "error"


async def _settle(tasks: list[asyncio.Task[None]], seconds: float) -> None:
    """Waits until all have ended, at most so long."""
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)
