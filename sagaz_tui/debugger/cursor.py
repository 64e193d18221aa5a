"""The one cursor of the debugger: which checkpoint, whether it follows, where it jumped from."""

from __future__ import annotations

from typing import Final, NamedTuple

_JUMPS_KEPT: Final = 100


class Cursor(NamedTuple):
    """Where the debugger stands. Checkpoints are known by number, never by position.

    ``unseen_after`` is the last checkpoint there was when the cursor last stood at the end.
    """

    sequence: int
    following: bool
    unseen_after: int
    jumps: tuple[int, ...] = ()

    def to(self, sequence: int, last: int) -> Cursor:
        """Return the cursor on another checkpoint; on the last one it follows."""
        following = sequence == last
        seen = last if following else self.unseen_after
        return Cursor(sequence, following, seen, self.jumps)

    def jump(self, sequence: int, last: int) -> Cursor:
        """Return the cursor on another checkpoint, remembering where it was."""
        if sequence == self.sequence:
            return self.to(sequence, last)
        jumps = (*self.jumps, self.sequence)[-_JUMPS_KEPT:]
        return self.to(sequence, last)._replace(jumps=jumps)

    def back(self, last: int) -> Cursor:
        """Return the cursor where it was before the last jump."""
        if not self.jumps:
            return self
        return self.to(self.jumps[-1], last)._replace(jumps=self.jumps[:-1])

    def grown(self, last: int) -> Cursor:
        """Return the cursor after the saga has gone on: moved only if it follows."""
        return self.to(last, last) if self.following else self
