"""Which token ids were used already: a JWT is taken once, by all processes together."""

import anyio
import anyio.to_thread

from service.errors import Overloaded
from service.store.database import Database, StoreError
from service.store.schema import jti
from service.store.words import digest

_SWEEP_EVERY = 500


class JtiStore:
    """The `ReplayMemory` of several processes or hosts. Issuer and id are kept as one digest, until expiry (JWT-12)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._threads = anyio.CapacityLimiter(4)
        self._uses = 0

    async def first_use(self, issuer: str, jti: str, *, until: float, now: float) -> bool:
        """True the first time, False for a replay; times in s since the epoch.

        Raises Overloaded when it cannot be kept: a token whose use is not noted could be used again.
        """
        return await anyio.to_thread.run_sync(
            self.first_use_now, issuer, jti, until, now, limiter=self._threads, abandon_on_cancel=True
        )

    def first_use_now(self, issuer: str, token_id: str, until: float, now: float) -> bool:
        """As `first_use`, blocking."""
        self._uses += 1
        row = {"key": digest(issuer, token_id), "expires_ms": int(until * 1000)}
        insert = self._database.insert(jti).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
        try:
            # Not durable: what a power cut forgets are seconds of tokens that soon expire.
            with self._database.writing(durable=False) as connection:
                if self._uses % _SWEEP_EVERY == 0:
                    connection.execute(jti.delete().where(jti.c.expires_ms < int(now * 1000)))
                # Exactly one: a driver that cannot tell says -1, and then the token is refused.
                return connection.execute(insert, row).rowcount == 1
        except StoreError:
            raise Overloaded("used token ids cannot be kept at the moment") from None
