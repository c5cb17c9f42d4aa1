"""What the command line prints: colours and progress only where a person looks at a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


def console() -> Console:
    """Standard output. Colours on a terminal only, and never with NO_COLOR, whatever else the environment asks for."""
    return Console(highlight=False, force_terminal=sys.stdout.isatty())


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """A running count on standard error, told through what is yielded; nothing where that is no terminal.

    Nothing either where the output itself goes to the terminal: the two would be mixed.
    """
    shown = sys.stderr.isatty() and not sys.stdout.isatty()
    errors = Console(stderr=True, force_terminal=shown)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True, disable=not shown) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done: progress.update(task, completed=done)
