"""Keys that arrive together act one after another, each on what the one before has left."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from textual.app import App
from textual.events import Event, Key
from textual.message import Message

_TICK: Final = 0.025
_PATIENCE: Final = 10
"""Ticks on time that a key is waited for. One that is late tells of a program that is busy, or of
a machine that is: the key may be done as soon as these get to it."""


class KeyDone(Message):
    """Follows a key through the same queues; once it arrives, the key has been acted on."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class KeyMeant(Message):
    """There is what the key that was waited with is meant for, or it is waited no longer."""


class KeysInOrder(App[None]):
    """An app that hands the next key on once the one before it has been acted on.

    Textual gives each key to the widget that has the focus when it arrives. Keys that come in
    one piece, as from a slow line, would all go to the same one, though the first moves the
    focus. A key whose widget goes away with it, or that takes long, holds the next one back no
    longer than a quarter of a second in which there is nothing else to do.

    Args:
        style: the style sheets to begin with.
    """

    def __init__(self, style: Sequence[Path] = ()) -> None:
        super().__init__(css_path=[*style])
        self._typed: deque[Key] = deque()
        self._key_number = 0
        self._key_in_hand = False
        self._waiting: asyncio.Task[None] | None = None
        self._give_up: asyncio.TimerHandle | None = None
        self._forgotten_until = 0.0

    @property
    def key_count(self) -> int:
        """How many keys have been handed on, the one that is acted on among them."""
        return self._key_number

    async def on_event(self, event: Event) -> None:
        """Line keys up; let everything else through."""
        if isinstance(event, Key) and not event.is_forwarded:
            if self._waiting is not None and self.leaves(event):
                self._typed.clear()
                self._waiting.cancel()
            if event.time > self._forgotten_until:
                self._typed.append(event)
            await self._hand_on()
        else:
            await super().on_event(event)

    def forget_typed(self) -> None:
        """Let go of the keys that were typed by now: what they were meant for is not there."""
        self._typed.clear()
        self._forgotten_until = Event().time

    async def _hand_on(self) -> None:
        if self._key_in_hand or not self._typed:
            return
        self._key_in_hand = True
        if self.is_meant(self._typed[0]):
            await self._act_on_next()
        else:
            self._waiting = asyncio.create_task(self.until_meant())
            self._waiting.add_done_callback(lambda _: self.post_message(KeyMeant()))

    async def on_key_meant(self) -> None:
        """Act on the key that was waited with, if nobody has let go of it meanwhile."""
        self._waiting = None
        self._key_in_hand = bool(self._typed)
        if self._typed:
            await self._act_on_next()

    async def _act_on_next(self) -> None:
        self._key_number += 1
        done = KeyDone(self._key_number)
        key = self._typed.popleft()
        target = self.focused or self.screen
        if self.app_focus and getattr(self.focused, "only_binds_keys", False):
            await self.act_on(key)
        else:
            await super().on_event(key)
        target.post_message(done)
        self._wait(done.number, _PATIENCE)

    def _wait(self, number: int, ticks: int) -> None:
        """Take a key for done once so many ticks have gone by on time."""
        if not ticks:
            self.post_message(KeyDone(number))
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + _TICK

        def tick() -> None:
            on_time = loop.time() < due + _TICK
            self._wait(number, ticks - on_time)

        self._give_up = loop.call_at(due, tick)

    def is_meant(self, key: Key) -> bool:
        """Whether there is what a key is meant for."""
        return True

    def leaves(self, key: Key) -> bool:
        """Whether a key goes away from what is there, so that it need not wait for it."""
        return False

    async def until_meant(self) -> None:
        """Wait until there is what keys are meant for, though not for long."""

    async def act_on(self, key: Key) -> None:
        """Do what a key is bound to where the keys go, at once.

        Otherwise it goes from queue to queue up to this app before its bindings are looked at.
        """
        if not await self._check_bindings(key.key, priority=True):
            await self._check_bindings(key.key)

    async def on_key_done(self, message: KeyDone) -> None:
        """Hand the next key on."""
        if message.number == self._key_number and self._key_in_hand:
            if self._give_up is not None:
                self._give_up.cancel()
            self._key_in_hand = False
            await self._hand_on()
