"""Every key of the screen, once: bindings, footer, help and README come from here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from textual.binding import Binding

Where = Literal[
    "everywhere",
    "list",
    "filter",
    "debugger",
    "timeline",
    "context",
    "search",
    "why",
    "blame",
    "lineage",
    "compare",
    "edit",
    "plan",
    "start",
    "rehearsal",
    "stop",
    "log",
    "palette",
    "batch",
    "file",
    "progress",
    "resume",
    "batches",
    "copy",
    "help",
]

PLACES: Final[Mapping[Where, str]] = {
    "everywhere": "Everywhere",
    "list": "Saga list",
    "filter": "Filter of the list",
    "debugger": "Debugger",
    "timeline": "Timeline pane",
    "context": "Context pane",
    "search": "Search of the context",
    "why": "Why pane",
    "blame": "Blame",
    "lineage": "Lineage",
    "compare": "Compare",
    "edit": "Edit line",
    "plan": "Plan",
    "start": "Choosing a start",
    "rehearsal": "Rehearsal",
    "stop": "Stopping a replay",
    "log": "Log of a replay",
    "palette": "Palette",
    "batch": "Batch before it runs",
    "file": "File of a batch",
    "progress": "Batch under way",
    "resume": "Going on with a batch",
    "batches": "Batches",
    "copy": "Text to copy",
    "help": "Help",
}
"""The places where keys mean something, in the order in which help tells of them."""

INSIDE: Final[Mapping[Where, Where]] = {
    "filter": "list",
    "timeline": "debugger",
    "context": "debugger",
    "search": "debugger",
    "why": "debugger",
    "edit": "debugger",
    "log": "debugger",
}
"""Places inside another, whose keys mean something there too."""


@dataclass(frozen=True, slots=True)
class Key:
    """One thing a person can do by a key.

    Args:
        id: what a remap in the settings calls it, ``place.verb``.
        keys: the keys as Textual names them, separated by commas.
        help: what it does, for the help screen and the README.
        where: the place in which it works.
        footer: its word in the footer; empty: not shown there.
        action: what it calls; by default the id's verb.
        priority: whether it comes before what the focused widget does with the key.
    """

    id: str
    keys: str
    help: str
    where: Where
    footer: str = ""
    action: str = ""
    priority: bool = False

    @property
    def call(self) -> str:
        """The action in Textual's notation."""
        return self.action or self.id.partition(".")[2].replace("-", "_")


KEYS: Final[tuple[Key, ...]] = (
    # ------------------------------------------------------------------ saga list
    Key("list.open", "enter", "open the saga in the debugger", "list", "open"),
    Key("list.down", "j,down", "next saga", "list", action="move(1)"),
    Key("list.up", "k,up", "saga before", "list", action="move(-1)"),
    Key("list.half-down", "ctrl+d,pagedown", "half a screen down", "list", action="half(1)"),
    Key("list.half-up", "ctrl+u,pageup", "half a screen up", "list", action="half(-1)"),
    Key("list.top", "g,home", "to the top, taking in what is newer", "list", action="top"),
    Key("list.bottom", "G,end", "to the last saga", "list", action="bottom"),
    Key("list.failed", "1", "view the failed", "list", action="view('failed')"),
    Key("list.running", "2", "view the running", "list", action="view('running')"),
    Key("list.all", "3", "view all", "list", action="view('all')"),
    Key("list.mark", "space", "mark the saga, or take its mark away", "list", "mark"),
    Key("list.mark-all", "*", "mark all that match", "list"),
    Key(
        "list.filter",
        "/",
        "filter: status: name: step: error: since: tag: where: or an id",
        "list",
        "filter",
    ),
    Key("list.plan", "d", "show what a replay would do", "list", "plan"),
    Key("list.replay", "R", "replay the marked, else this one", "list", "replay…"),
    Key("list.batches", "B", "the batches of this store, to follow or go on with", "list"),
    Key(
        "list.compare",
        "c",
        "compare the two that are marked, or this one with its newest replay",
        "list",
        "compare",
    ),
    Key("list.sort", "s", "sort by newest, oldest or name", "list", "sort"),
    Key("list.group", "E", "only the next group of errors", "list", "by error"),
    Key("list.copy", "y", "copy the saga's id", "list"),
    # ------------------------------------------------------------------ filter of the list
    Key("filter.keep", "enter", "keep it, and go to the rows", "filter", "keep", action="submit"),
    # ------------------------------------------------------------------ debugger
    Key("debugger.next", "l,right", "next checkpoint", "debugger", "step", action="step(1)"),
    Key("debugger.previous", "h,left", "checkpoint before", "debugger", action="step(-1)"),
    Key("debugger.first", "g,home", "first checkpoint", "debugger"),
    Key("debugger.last", "G,end", "last checkpoint, and follow", "debugger"),
    Key("debugger.failure", "f", "next failure", "debugger", action="failure(1)"),
    Key("debugger.failure-before", "F", "failure before", "debugger", action="failure(-1)"),
    Key("debugger.blame", "b", "who set this key, and every value it had", "debugger", "blame"),
    Key("debugger.lineage", "t", "this saga and all its replays as a tree", "debugger"),
    Key("debugger.mark", "m", "mark this checkpoint, or take its mark away", "debugger"),
    Key("debugger.mark-diff", "'", "what differs between the mark and the cursor", "debugger"),
    Key("debugger.edit", "e", "set a value for the replay", "debugger", "edit"),
    Key("debugger.undo", "z", "take the last staged edit back", "debugger"),
    Key("debugger.redo", "Z", "stage it again", "debugger"),
    Key("debugger.plan", "d", "show what a replay would do", "debugger", "plan"),
    Key("debugger.rehearse", "s", "walk a replay without doing it", "debugger"),
    Key("debugger.replay", "R", "replay", "debugger", "replay…"),
    Key(
        "debugger.cancel", "X", "stop and undo a replay, or a resumed saga; again: kill", "debugger"
    ),
    Key("debugger.log", "p", "what this replay's process prints", "debugger", "log"),
    Key(
        "debugger.compare",
        "c",
        "a saga beside its newest replay, a replay beside its original",
        "debugger",
        "compare",
    ),
    Key(
        "debugger.change",
        "]",
        "next change of this key",
        "debugger",
        "key change",
        action="change(1)",
    ),
    Key(
        "debugger.change-before", "[", "change of this key before", "debugger", action="change(-1)"
    ),
    Key("debugger.next-pane", "tab", "next pane", "debugger", "pane"),
    Key("debugger.previous-pane", "shift+tab", "pane before", "debugger"),
    Key("debugger.pane-1", "1", "the timeline", "debugger", action="pane(1)"),
    Key("debugger.pane-2", "2", "the context", "debugger", action="pane(2)"),
    Key("debugger.pane-3", "3", "why; again: its next tab", "debugger", action="pane(3)"),
    Key("debugger.pane-4", "4", "the diff, where it is open", "debugger", action="pane(4)"),
    Key("debugger.jump-back", "ctrl+o", "back to where the last jump came from", "debugger"),
    Key("debugger.copy", "y", "copy the value", "debugger"),
    Key("debugger.copy-path", "Y", "copy the path", "debugger"),
    # ------------------------------------------------------------------ panes of the debugger
    Key("timeline.down", "j,down", "next checkpoint", "timeline", action="move(1)"),
    Key("timeline.up", "k,up", "checkpoint before", "timeline", action="move(-1)"),
    Key("context.down", "j,down", "next key", "context", action="move(1)"),
    Key("context.up", "k,up", "key before", "context", action="move(-1)"),
    Key("context.ten-down", "ctrl+d,pagedown", "ten keys down", "context", action="move(10)"),
    Key("context.ten-up", "ctrl+u,pageup", "ten keys up", "context", action="move(-10)"),
    Key("context.fold", "enter", "unfold or fold", "context"),
    Key("context.fold-all", "-", "fold everything", "context"),
    Key("context.unfold-all", "=", "unfold everything", "context"),
    Key("context.pin", "w", "keep this key on top, or no longer", "context"),
    Key("context.reveal", "u", "reveal this secret for 10 s, on record", "context"),
    Key("context.search", "/", "search keys and values", "context", action="screen.search"),
    Key("search.begin", "enter", "go to the first place found", "search", "search", "submit"),
    Key("context.found", "n", "next place found", "context", action="found(1)"),
    Key("context.found-before", "N", "place found before", "context", action="found(-1)"),
    Key("why.down", "j,down", "scroll down", "why", action="move(1)"),
    Key("why.up", "k,up", "scroll up", "why", action="move(-1)"),
    Key("why.ten-down", "ctrl+d,pagedown", "ten lines down", "why", action="move(10)"),
    Key("why.ten-up", "ctrl+u,pageup", "ten lines up", "why", action="move(-10)"),
    Key("why.next-tab", "enter", "the next tab, kept until esc", "why"),
    Key("why.beside", "v", "before and after side by side, or a line each", "why"),
    Key("why.library", "o", "show or hide library frames", "why"),
    # ------------------------------------------------------------------ blame
    Key("blame.jump", "enter", "go to that checkpoint", "blame", "go there"),
    Key("blame.down", "j,down", "older value", "blame", "older", action="move(1)"),
    Key("blame.up", "k,up", "newer value", "blame", action="move(-1)"),
    Key("blame.copy", "y", "copy the value", "blame", "copy"),
    # ------------------------------------------------------------------ lineage
    Key("lineage.open", "enter", "open that saga", "lineage", "open"),
    Key("lineage.down", "j,down", "next run of the family", "lineage", "next", action="move(1)"),
    Key("lineage.up", "k,up", "run before", "lineage", action="move(-1)"),
    Key("lineage.ten-down", "ctrl+d,pagedown", "ten runs down", "lineage", action="move(10)"),
    Key("lineage.ten-up", "ctrl+u,pageup", "ten runs up", "lineage", action="move(-10)"),
    Key("lineage.first", "g,home", "the first run", "lineage"),
    Key("lineage.last", "G,end", "the last run", "lineage"),
    Key("lineage.copy", "y", "copy the saga's id", "lineage", "copy"),
    # ------------------------------------------------------------------ compare
    Key("compare.next", "l,right,j,down", "next step of both", "compare", "step", action="move(1)"),
    Key("compare.previous", "h,left,k,up", "step before", "compare", action="move(-1)"),
    Key(
        "compare.difference",
        "n",
        "next step that differs",
        "compare",
        "difference",
        action="difference(1)",
    ),
    Key(
        "compare.difference-before",
        "N",
        "step before that differs",
        "compare",
        action="difference(-1)",
    ),
    Key("compare.first", "g,home", "what they began with", "compare"),
    Key("compare.last", "G,end", "how they ended", "compare"),
    Key("compare.swap", "x", "swap the two", "compare", "swap"),
    Key("compare.open", "enter", "open the second run there", "compare", "open b"),
    Key(
        "compare.ten-down",
        "ctrl+d,pagedown",
        "ten lines of details down",
        "compare",
        action="scroll(10)",
    ),
    Key(
        "compare.ten-up",
        "ctrl+u,pageup",
        "ten lines of details up",
        "compare",
        action="scroll(-10)",
    ),
    # ------------------------------------------------------------------ edit line
    Key("edit.stage", "enter", "stage the edit", "edit", "stage", action="submit"),
    Key("edit.complete", "tab", "complete the key", "edit", "complete"),
    Key("edit.allow-type", "ctrl+t", "allow another type", "edit", "other type"),
    Key("edit.editor", "ctrl+e", "edit the value in $VISUAL or $EDITOR", "edit", "editor"),
    # ------------------------------------------------------------------ plan
    Key("plan.confirm", "enter", "run it, if R opened it", "plan", "run"),
    Key(
        "plan.again",
        "a",
        "replay again what a replay has recovered already, or not",
        "plan",
        "again",
        action="choose('again')",
    ),
    Key(
        "plan.in-doubt",
        "i",
        "steps in doubt: ask, run them again, or take them as done",
        "plan",
        "in doubt",
        action="choose('in-doubt')",
    ),
    Key(
        "plan.undone",
        "u,f3",
        "steps undone since: run them again, keep them in name only, or refuse",
        "plan",
        "undone",
        action="choose('undone')",
    ),
    Key("plan.rehearse", "s,f2", "walk it without doing it", "plan", "rehearse"),
    Key("plan.edit", "e,f5", "set a value for it, in the debugger", "plan", "edit"),
    Key("plan.start", "r,f4", "start at another step", "plan", "start"),
    Key("plan.down", "j,down", "scroll down", "plan", action="scroll_plan(1)"),
    Key("plan.up", "k,up", "scroll up", "plan", action="scroll_plan(-1)"),
    Key("plan.copy", "Y,f6", "copy as a command", "plan", "copy as command"),
    # ------------------------------------------------------------------ choosing a start
    Key("start.choose", "enter", "start there", "start", "start there"),
    Key("start.down", "j,down", "next step", "start", "next", action="move(1)"),
    Key("start.up", "k,up", "step before", "start", action="move(-1)"),
    Key("start.ten-down", "ctrl+d,pagedown", "ten steps down", "start", action="move(10)"),
    Key("start.ten-up", "ctrl+u,pageup", "ten steps up", "start", action="move(-10)"),
    # ------------------------------------------------------------------ rehearsal
    Key("rehearsal.open", "enter", "scrub through it", "rehearsal", "scrub"),
    Key("rehearsal.compare", "c", "lay it beside its original", "rehearsal", "compare"),
    Key("rehearsal.down", "j,down", "scroll down", "rehearsal", action="scroll_lines(1)"),
    Key("rehearsal.up", "k,up", "scroll up", "rehearsal", action="scroll_lines(-1)"),
    Key(
        "rehearsal.ten-down",
        "ctrl+d,pagedown",
        "ten lines down",
        "rehearsal",
        action="scroll_lines(10)",
    ),
    Key(
        "rehearsal.ten-up",
        "ctrl+u,pageup",
        "ten lines up",
        "rehearsal",
        action="scroll_lines(-10)",
    ),
    # ------------------------------------------------------------------ stopping a replay
    Key("stop.confirm", "enter", "go ahead", "stop", "go ahead"),
    # ------------------------------------------------------------------ log of a replay
    Key("log.down", "j,down", "scroll down", "log", "down", action="move(1)"),
    Key("log.up", "k,up", "scroll up", "log", "up", action="move(-1)"),
    Key("log.ten-down", "ctrl+d,pagedown", "ten lines down", "log", action="move(10)"),
    Key("log.ten-up", "ctrl+u,pageup", "ten lines up", "log", action="move(-10)"),
    Key("log.end", "G,end", "the last line, and follow", "log", "follow"),
    Key("log.first", "g,home", "the first line", "log", "first"),
    # ------------------------------------------------------------------ palette
    Key("palette.run", "enter", "do what is lit, or go there", "palette", "do", action="run"),
    Key("palette.down", "down,tab", "next", "palette", "next", action="move(1)"),
    Key("palette.up", "up,shift+tab", "the one before", "palette", action="move(-1)"),
    # ------------------------------------------------------------------ batch
    Key("batch.run", "enter", "run it", "batch", "run"),
    Key("batch.edit", "e,f5", "set a value in all of them", "batch", "edit"),
    Key("batch.file", "f,f6", "set values in single ones, from a file", "batch", "file"),
    Key(
        "batch.in-doubt",
        "i,f3",
        "steps in doubt: leave out, run them again, or take them as done",
        "batch",
        "in doubt",
    ),
    Key("batch.undo", "z,f7", "take the last staged edit back", "batch"),
    Key("batch.redo", "Z,f8", "stage it again", "batch"),
    Key("batch.down", "j,down", "scroll down", "batch", action="move(1)"),
    Key("batch.up", "k,up", "scroll up", "batch", action="move(-1)"),
    Key("batch.copy", "Y,f9", "copy as a command", "batch", "copy as command"),
    # ------------------------------------------------------------------ file of a batch
    Key("file.take", "enter", "set what is in this file", "file", "set what is in it", "submit"),
    # ------------------------------------------------------------------ batch under way
    Key("progress.open", "enter", "open the selected saga", "progress", "open"),
    Key("progress.down", "j,down", "next saga", "progress", "next", action="move(1)"),
    Key("progress.up", "k,up", "saga before", "progress", action="move(-1)"),
    Key("progress.stop", "X", "stop after those under way; again: cancel them", "progress", "stop"),
    Key("progress.resume", "R", "go on with what is left", "progress", "go on…"),
    Key(
        "progress.copy",
        "Y",
        "copy the command that goes on with it",
        "progress",
        "copy as command",
    ),
    # ------------------------------------------------------------------ going on with a batch
    Key("resume.confirm", "enter", "go on", "resume", "go on"),
    Key(
        "resume.in-doubt",
        "i,f3",
        "steps in doubt: leave them, run them again, or take them as done",
        "resume",
        "in doubt",
    ),
    # ------------------------------------------------------------------ batches of the store
    Key("batches.open", "enter", "open the batch", "batches", "open"),
    Key("batches.down", "j,down", "next batch", "batches", "next", action="move(1)"),
    Key("batches.up", "k,up", "batch before", "batches", action="move(-1)"),
    # ------------------------------------------------------------------ text to copy
    Key("copy.down", "j,down", "scroll down", "copy", "down", action="scroll_text(1)"),
    Key("copy.up", "k,up", "scroll up", "copy", action="scroll_text(-1)"),
    Key("copy.ten-down", "ctrl+d,pagedown", "ten lines down", "copy", action="scroll_text(10)"),
    Key("copy.ten-up", "ctrl+u,pageup", "ten lines up", "copy", action="scroll_text(-10)"),
    # ------------------------------------------------------------------ help
    Key("help.down", "j,down", "scroll down", "help", action="scroll_help(1)"),
    Key("help.up", "k,up", "scroll up", "help", action="scroll_help(-1)"),
    Key("help.page-down", "ctrl+d,pagedown", "ten lines down", "help", action="scroll_help(10)"),
    Key("help.page-up", "ctrl+u,pageup", "ten lines up", "help", action="scroll_help(-10)"),
    # ------------------------------------------------------------------ everywhere
    Key("back", "escape", "back one layer", "everywhere", "back", action="screen.back"),
    Key("help", "?,f1", "these keys", "everywhere", "help", action="app.help"),
    Key(
        "palette",
        ":,ctrl+p",
        "do anything by its name; in a debugger go to #500, +2s, 03:10:41, where …",
        "everywhere",
        action="app.palette",
    ),
    Key("quit", "q", "quit", "everywhere", "quit", action="app.quit"),
    Key("quit-typing", "ctrl+q", "quit, also while you type", "everywhere", action="app.quit"),
    Key("how-to-quit", "ctrl+c", "say which key quits", "everywhere", action="app.help_quit"),
)

OUT: Final = frozenset({"back", "quit-typing", "how-to-quit"})
"""The keys that lead back or out wherever one is, also while something is typed."""

_SHOWN: Final[Mapping[str, str]] = {
    "escape": "esc",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "f1": "F1",
    "f2": "F2",
    "f3": "F3",
    "f4": "F4",
    "f5": "F5",
    "f6": "F6",
    "f7": "F7",
    "f8": "F8",
    "f9": "F9",
    "comma": ",",
}


def keys_in(where: Where) -> Iterator[Key]:
    """Give the keys of one place, in order."""
    return (key for key in KEYS if key.where == where)


def ids_in(where: Where) -> frozenset[str]:
    """Give the ids of the keys of one place."""
    return frozenset(key.id for key in keys_in(where))


def bindings_for(where: Where) -> list[Binding]:
    """Give a place's keys as Textual bindings; their ids let the settings remap them."""
    return [
        Binding(key.keys, key.call, key.help, id=key.id, priority=key.priority)
        for key in keys_in(where)
    ]


def sheet_bindings(where: Where) -> list[Binding]:
    """Give a place's keys and the way back and out, for a sheet that asks something.

    A sheet hides the app's own keys, and the rest of those mean nothing while it asks.
    """
    return [*bindings_for(where), *(each for each in bindings_for("everywhere") if each.id in OUT)]


def shown_keys(key: Key, remapped: Mapping[str, str]) -> list[str]:
    """Give the keys of a row as a person reads them, after the settings' remapping."""
    return [
        _SHOWN.get(name.strip(), name.strip())
        for name in remapped.get(key.id, key.keys).split(",")
        if name.strip()
    ]


def keys_called(id: str, remapped: Mapping[str, str]) -> str:
    """Give the first key of one row as a person reads it; empty if it was remapped to none."""
    key = next(key for key in KEYS if key.id == id)
    return next(iter(shown_keys(key, remapped)), "")
