"""How often Python looks for garbage cycles: rarely, as calls leave none behind and the knowledge never goes away."""

import gc

# A call of 300 resources makes some thousand objects, which die with it by their reference counts. Looking for cycles
# every 700 objects (Python's own choice) takes a third of the time of decoding and finds none.
_YOUNG, _MIDDLE, _OLD = 50_000, 20, 50


def hold() -> None:
    """To be called before anything large is loaded: next to nothing of it is garbage, and looking costs a tenth."""
    gc.disable()


def settle() -> None:
    """To be called when everything is loaded: what is there stays, and is never looked through again.

    Without a last search: it takes a tenth of the start and finds some thousand small objects.
    """
    gc.enable()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
