"""What was worked out once and is looked up from then on: a memory of bounded size, for words of code systems and feeds."""

from collections.abc import Callable, Hashable
from typing import TypeVar

Asked = TypeVar("Asked", bound=Hashable)
Answer = TypeVar("Answer")

# Real feeds repeat some thousand spellings; what a caller makes up must not fill the memory.
MOST_KEPT = 8192


class Kept(dict[Asked, Answer]):
    """Answers by what was asked. When it is full everything is forgotten, so that old spellings make room for new ones.

    Nothing of a patient may be asked of it: answers outlive the call. What is too long to be a spelling (`fits` says so)
    is answered and not kept.
    """

    def __init__(
        self,
        answer: Callable[[Asked], Answer],
        *,
        most: int = MOST_KEPT,
        fits: Callable[[Asked], bool] | None = None,
    ) -> None:
        super().__init__()
        self._answer = answer
        self._most = most
        self._fits = fits

    def __missing__(self, asked: Asked) -> Answer:
        found = self._answer(asked)
        if self._fits is None or self._fits(asked):
            if len(self) >= self._most:
                self.clear()
            self[asked] = found
        return found
