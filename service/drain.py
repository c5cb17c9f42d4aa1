"""Whether this process has been told to end: it still answers, but asks for no more calls."""


class Drain:
    """One way only: a process that was told to end does not come back."""

    def __init__(self) -> None:
        self.under_way = False

    def begin(self) -> None:
        """From now on `/health/ready` says no, so that balancers send new calls elsewhere."""
        self.under_way = True


# A process ends as a whole, so there is one for all that is built in it.
PROCESS = Drain()
