"""The debugger: a saga's history, edits staged for a replay, and the replay itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from textual import on
from textual.app import ComposeResult
from textual.css.query import NoMatches

from sagaz_core.errors import SagazError, StorageError
from sagaz_tui.acting import why_not
from sagaz_tui.edits.base import EditBase
from sagaz_tui.edits.editor import editor_command
from sagaz_tui.edits.staged import StagedEdit
from sagaz_tui.keys.table import Where, bindings_for
from sagaz_tui.replaying.output import find_output
from sagaz_tui.replaying.start import NO_START, Start, starts_of
from sagaz_tui.screens.base import PATIENCE
from sagaz_tui.screens.explorer import ExplorerScreen
from sagaz_tui.showing.text import visible
from sagaz_tui.widgets.context_tree import ContextTree
from sagaz_tui.widgets.edit_input import EditInput
from sagaz_tui.widgets.edit_line import EditLine
from sagaz_tui.widgets.replay_log import LogText, ReplayLog

if TYPE_CHECKING:
    from pathlib import Path

    from sagaz_tui.replaying.process import ReplayRequest
    from sagaz_tui.replaying.stopping import Stoppable
    from sagaz_tui.screens.plan import PlanScreen

_PLACES: Final[Mapping[type, Where]] = {EditInput: "edit", LogText: "log"}
"""What has keys of its own in the footer."""


class DebuggerScreen(ExplorerScreen):
    """Looks at a saga, corrects what it began with, and replays it."""

    PLACE = "debugger"
    BINDINGS = [*bindings_for("debugger")]  # noqa: RUF012 - Textual declares it so

    def __init__(self, saga_id: str, *, at: int | None = None) -> None:
        super().__init__(saga_id, at=at)
        self._chosen: Start | None = None
        """The start that the staged edits belong to."""
        self._picked: Start | None = None
        """The start that the person picked in a plan."""
        self._used: tuple[StagedEdit, ...] = ()
        self._stopping: int | None = None
        """The process that was asked to stop."""
        self._log_file: Path | None = None
        """What this replay's process prints."""

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield from super().compose()
        yield ReplayLog(id="log")
        yield EditLine(id="edit")
        yield self._footer

    def on_mount(self) -> None:
        """Find the log, for its key to be offered."""
        self.in_background("log", self._find_log)

    @property
    def keys_go_to(self) -> Where:
        """The place whose keys are shown."""
        return _PLACES.get(type(self.focused), super().keys_go_to)

    def dead_keys(self) -> set[str]:
        """Return the ids of the keys there that do nothing now."""
        dead = super().dead_keys()
        if not editor_command():
            dead.add("edit.editor")
        if self._log_file is None:
            dead.add("debugger.log")
        if self._stale or why_not(self.sagaz.settings, ""):
            dead.add("debugger.replay")
        return dead

    @property
    def _edit(self) -> EditLine:
        return self.query_one(EditLine)

    @property
    def _replay_log(self) -> ReplayLog:
        return self.query_one(ReplayLog)

    @property
    def start(self) -> Start | None:
        """The start that the staged edits belong to, else the one picked, else the failure's."""
        return self._chosen or self._picked or super().start

    @property
    def reason_to_stay(self) -> str:
        """Edits that no replay has used."""
        count = len(self._edit.edits)
        if not count or self._edit.edits == self._used:
            return ""
        return f"{count} edit{'s are' if count > 1 else ' is'} staged for {visible(self.saga_id)}"

    def action_back(self) -> None:
        """Close what is open, then go back to the screen below; asks about staged edits."""
        warning = f"{self.reason_to_stay}; esc again leaves"
        if self._edit.typing:
            self._edit.close()
        elif self._replay_log.display:
            self._replay_log.close()
        elif self._let_go():
            return
        elif self.reason_to_stay and not self.sagaz.was_warned(warning):
            self._say(warning)
        else:
            self.dismiss(None)

    # ------------------------------------------------------------ where to begin

    async def _wait_for_start(self) -> Start | None:
        """The replay start; for a saga that did not fail, at the step of the cursor."""
        try:
            await asyncio.wait_for(self._ready.wait(), PATIENCE)
            if self._view and self._view.failure and self.start is None:
                # Of a long history the start may not have been found yet.
                await asyncio.wait_for(self._whole.wait(), PATIENCE)
        except TimeoutError:
            self._say("this saga has not been read yet; try again in a moment")
            return None
        try:
            start = self.start or await self._session.start_near(self._cursor.sequence)
            anywhere = start or await starts_of(self.sagaz.storage, self.saga_id)
        except StorageError:
            self._say("the store cannot be read now; try again once it answers")
            return None
        if start is None:
            here = f"no step begins at or before #{self._cursor.sequence}; go to one that does"
            self._say(here if anywhere else NO_START)
        return start

    # ------------------------------------------------------------ edits

    async def action_edit(self, typed: str = "") -> None:
        """Open the edit line, with what has been typed for the person already."""
        start = await self._wait_for_start()
        base = await self._base_at(start) if start is not None else None
        if start is None or base is None:
            self.sagaz.forget_typed()
            return
        self._chosen = start
        self._edit.open(base, typed)
        self._show()
        self.in_background("model", self._find_model)

    async def _base_at(self, start: Start) -> EditBase | None:
        """What edits for a start are read against; None: it cannot be read, which is said."""
        try:
            moment = await asyncio.wait_for(self._session.moment(start.sequence), PATIENCE)
        except (TimeoutError, StorageError):
            self._say("the replay start cannot be read now; try again once the store answers")
            return None
        if moment.snapshot is None:
            self._say(visible(moment.problem))
            return None
        state, context = moment.snapshot.state, moment.snapshot.context
        return EditBase(start.step, start.sequence, state, context, self.saga_id)

    async def _move_start(self, start: Start) -> None:
        """Start elsewhere from now on, with what is staged."""
        base = await self._base_at(start)
        if base is not None:
            self._picked = start
            self._chosen = start if self._edit.edits else None
            self._edit.move_to(base)

    async def _find_model(self) -> None:
        # Imported here: it loads the person's own code, which looking does not need.
        from sagaz_tui.edits.context_model import find_model

        view = self._view
        if view is not None:
            code = view.run.code or view.saga.code
            settings = self.sagaz.settings
            self._edit.know_model(await find_model(settings, view.saga.saga_name, code))

    @on(EditLine.Changed)
    def show_start(self) -> None:
        """Let go of the replay start once no edit belongs to it."""
        if not self._edit.edits and not self._edit.typing:
            self._chosen = None
        self._show()

    def action_undo(self) -> None:
        """Take the last staged edit back."""
        if not self._edit.take_back():
            self._say("no edit is staged")

    def action_redo(self) -> None:
        """Stage again what was taken back."""
        if not self._edit.stage_again():
            self._say("no edit was taken back")

    # ------------------------------------------------------------ replaying

    async def action_plan(self) -> None:
        """Show what a replay would do."""
        await self._open_plan(confirm=False)

    async def action_replay(self) -> None:
        """Show what a replay would do, to be confirmed."""
        if refusal := why_not(self.sagaz.settings, "nothing is replayed"):
            self._say(refusal)
        elif self._stale:
            self._say("the store is out of reach; a replay can start once it answers")
        else:
            await self._open_plan(confirm=True)

    def on_context_tree_reveal_asked(self, event: ContextTree.RevealAsked) -> None:
        """Get a secret for who asks to see it, unless the store is only to be looked at."""
        if self.sagaz.settings.read_only:
            self._say(
                "this store was opened read-only: that somebody saw it cannot be put on record"
            )
        else:
            self.in_background("reveal", self._reveal, self._cursor.sequence, event.path)

    async def _reveal(self, sequence: int, path: tuple[str | int, ...]) -> None:
        from sagaz_tui.debugger import revealing

        try:
            value = await revealing.reveal_secret(self.sagaz.settings, self.saga_id, sequence, path)
        except SagazError as error:
            self._say(visible(str(error)))
        else:
            if sequence == self._cursor.sequence and self.is_current:
                self._panes.context.reveal(path, value, revealing.SECONDS)
                self._say(f"shown for {revealing.SECONDS:.0f} s, and that is on record")

    async def action_cancel(self) -> None:
        """Ask whether to stop this run and undo it; once that was asked for, to kill it."""
        from sagaz_tui.replaying.stopping import find_stoppable

        if refusal := why_not(self.sagaz.settings, "nothing is stopped"):
            self._say(refusal)
            return
        try:
            replay = await asyncio.wait_for(
                find_stoppable(self.sagaz.storage, self.saga_id), PATIENCE
            )
        except (TimeoutError, StorageError):
            self._say("the store cannot be read now; try again once it answers")
        except SagazError as error:
            self._say(visible(str(error)))
        else:
            self._ask_to_stop(replay)

    def _ask_to_stop(self, replay: Stoppable) -> None:
        from sagaz_tui.replaying.stopping import CannotStopError
        from sagaz_tui.screens.stop import StopScreen

        kill = replay.undoing or replay.pid == self._stopping

        def answered(yes: bool | None) -> None:
            if not yes:
                return
            try:
                if kill:
                    replay.kill()
                    self._say(
                        f"killed; `sagaz resume {visible(self.saga_id)}` goes on with it once its "
                        "lease has run out"
                    )
                else:
                    replay.stop()
                    self._stopping = replay.pid
                    step = visible(", ".join(replay.under_way)) or "what is under way"
                    self._say(f"it stops once {step} has ended, and then undoes what it did")
                    self._show_title()
            except CannotStopError as error:
                self._say(str(error))

        self.app.push_screen(StopScreen(replay, kill=kill), answered)

    def _quiet_words(self) -> tuple[str, str]:
        """What is to be known of a run that writes nothing just now."""
        view = self._view
        if self._stopping is not None and view is not None and view.saga.status == "executing":
            return "stopping", ""
        return super()._quiet_words()

    # ------------------------------------------------------------ log

    async def action_log(self) -> None:
        """Open the log of this replay; close it if it has the keys."""
        if self._replay_log.has_keys:
            self._replay_log.close()
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._find_log(), PATIENCE)
        if self._log_file is not None:
            self._replay_log.open(self._log_file)
        else:
            self._say(
                f"there is no log of {visible(self.saga_id)} here: only what you replay from a "
                "screen on this machine has one"
            )

    async def _find_log(self) -> None:
        if self._log_file is None:
            # The screen may be taken down meanwhile.
            with suppress(StorageError, NoMatches):
                entry = await self.sagaz.storage.get_replay_log(self.saga_id)
                self._log_file = find_output(entry.request_id) if entry else None
                self.show_keys()

    async def action_rehearse(self) -> None:
        """Walk a replay without doing it."""
        from sagaz_tui.screens.rehearsal import RehearsalScreen

        request = await self._request()
        if request is not None:
            self.app.push_screen(RehearsalScreen(request))

    async def _open_plan(self, *, confirm: bool) -> None:
        # Imported here: planning loads the person's own code, which looking does not need.
        from sagaz_tui.screens.plan import PlanScreen

        request = await self._request()
        if request is None:
            return
        plan = PlanScreen(request, confirm=confirm, editable=True)

        def left(replay_id: str | None) -> None:
            if plan.moved_to is not None or plan.wants_edit:
                self.in_background("start", self._take_over, plan)
            self._follow_replay(replay_id)

        self.app.push_screen(plan, left)

    async def _take_over(self, plan: PlanScreen) -> None:
        """Start where a plan was moved to, and edit if that was asked for there."""
        if plan.moved_to is not None:
            await self._move_start(plan.moved_to)
        if plan.wants_edit:
            await self.action_edit()

    async def _request(self) -> ReplayRequest | None:
        start = await self._wait_for_start()
        if start is None:
            return None
        from sagaz_tui.replaying.process import ReplayRequest

        return ReplayRequest(
            saga_id=self.saga_id,
            from_step=start.step,
            overrides=tuple(edit.override for edit in self._edit.edits),
            allow_type=tuple(edit.pointer for edit in self._edit.edits if edit.other_type),
        )

    def _follow_replay(self, replay_id: str | None) -> None:
        if replay_id is not None:
            self._used = self._edit.edits
            self.app.push_screen(DebuggerScreen(replay_id))
