"""A store that is not there is tried again in the background, less and less often, until it is."""

import logging
import threading
from collections.abc import Callable

from service.store.database import StoreError
from service.store.migrate import upgrade

_log = logging.getLogger(__name__)
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 30.0


class Opener:
    """Brings the store up to date once, then says so once; migrations wait for those of other processes."""

    def __init__(self, url: str, opened: Callable[[], None], *, first_wait: float | None = None) -> None:
        """`opened` is called in the thread that succeeded."""
        self._url = url
        self._opened = opened
        self._wait = FIRST_WAIT_SECONDS if first_wait is None else first_wait
        self._closing = threading.Event()
        self._one_at_a_time = threading.Lock()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Try now; where that fails, go on in the background."""
        if self._try():
            return
        _log.warning("the store cannot be reached; it is tried again until it can")
        self._thread = threading.Thread(target=self._run, name="store-opener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop trying. What is under way in a driver may take a moment longer and then has no effect."""
        with self._one_at_a_time:
            self._closing.set()

    def _run(self) -> None:
        while not self._closing.wait(self._wait):
            if self._try():
                _log.warning("the store can be reached")
                return
            self._wait = min(self._wait * 2, LONGEST_WAIT_SECONDS)

    def _try(self) -> bool:
        try:
            upgrade(self._url)
        except (StoreError, OSError):
            return False
        except Exception as problem:  # noqa: BLE001 - a migration that fails must not end the thread without a word
            _log.warning("the store could not be brought up to date: %s", type(problem).__name__)
            return False
        with self._one_at_a_time:
            if not self._closing.is_set():
                self._opened()
        return True
