"""The moment by which a whole call must be answered: made once at the door, passed to whoever waits."""

import asyncio
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Deadline:
    """`at` is seconds on the clock of the running event loop."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """That many seconds from now."""
        return cls(asyncio.get_running_loop().time() + seconds)

    def left(self) -> float:
        """Seconds until then, negative once it has passed."""
        return self.at - asyncio.get_running_loop().time()
