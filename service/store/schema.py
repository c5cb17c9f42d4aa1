"""The tables as the newest migration leaves them. No column can hold a patient; `comment` is empty unless turned on."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text, Uuid

metadata = MetaData()

# SQLite numbers rows only where the type is exactly INTEGER.
_number = BigInteger().with_variant(Integer, "sqlite")

# What was issued. `shown_on` is the day on which the same hook instance first showed the topic.
issued = Table(
    "issued",
    metadata,
    Column("card", Uuid, primary_key=True),
    Column("client", String(200), nullable=False),
    Column("hook", String(100), nullable=False),
    Column("hook_instance", Uuid, nullable=False),
    Column("topic", String(100), nullable=False),
    Column("rule", String(100), nullable=False),
    Column("indicator", String(20), nullable=False),
    Column("knowledge_version", String(100), nullable=False),
    Column("suggestions", Text, nullable=False),
    Column("issued_ms", BigInteger, nullable=False),
    Column("shown_on", Integer, nullable=False),
    Index("issued_hook_instance", "hook_instance"),
    Index("issued_shown_on", "shown_on"),
)

# What prescribers did. Rows are only ever added; `id` is the order of arrival, `key` makes a repeat harmless.
feedback = Table(
    "feedback",
    metadata,
    Column("id", _number, primary_key=True, autoincrement=True),
    Column("key", Uuid, nullable=False, unique=True),
    Column("client", String(200), nullable=False),
    Column("service", String(100), nullable=False),
    Column("card", Uuid, nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("outcome_ms", BigInteger, nullable=False),
    Column("arrived_ms", BigInteger, nullable=False),
    Column("suggestions", Text, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("comment", Text),
    Index("feedback_card", "card"),
    Index("feedback_arrived_ms", "arrived_ms"),
)

jti = Table(
    "jti",
    metadata,
    Column("key", Uuid, primary_key=True),
    Column("expires_ms", BigInteger, nullable=False, index=True),
)

calls = Table(
    "calls",
    metadata,
    Column("day", Integer, primary_key=True),
    Column("hook", String(100), primary_key=True),
    Column("client", String(200), primary_key=True),
    Column("outcome", String(20), primary_key=True),
    Column("calls", BigInteger, nullable=False),
)

# One day of one topic. `reasons` and `seconds` are msgpack maps from a reason, and from a time to answer, to a count.
roll_up = Table(
    "roll_up",
    metadata,
    Column("day", Integer, primary_key=True),
    Column("topic", String(100), primary_key=True),
    Column("hook", String(100), primary_key=True),
    Column("client", String(200), primary_key=True),
    Column("knowledge_version", String(100), primary_key=True),
    Column("shown", Integer, nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("overridden", Integer, nullable=False),
    Column("reasons", LargeBinary, nullable=False),
    Column("seconds", LargeBinary, nullable=False),
)

# A row for every transaction that changed a day: its roll-up is to be made anew.
stale_day = Table(
    "stale_day",
    metadata,
    Column("id", _number, primary_key=True, autoincrement=True),
    Column("day", Integer, nullable=False),
)

# Days before `day` have lost their rows to retention; their roll-ups are final.
sealed = Table("sealed", metadata, Column("day", Integer, primary_key=True, autoincrement=False))

# What a site changed while the service ran: rows are only ever added, `id` is their order. `client` is null for all
# clients, `value` where the choice is taken back. `by` and `reason` are written by the site's own staff.
site_change = Table(
    "site_change",
    metadata,
    Column("id", _number, primary_key=True, autoincrement=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("by", String(200), nullable=False),
    Column("client", String(200)),
    Column("what", String(200), nullable=False),
    Column("value", Text),
    Column("reason", Text, nullable=False),
)

# Cards in shadow that would have been shown, one row a showing. A table of its own: nothing that counts `issued`, in
# whatever version, can take them for shown.
shadowed = Table(
    "shadowed",
    metadata,
    Column("hook_instance", Uuid, primary_key=True),
    Column("topic", String(100), primary_key=True),
    Column("hook", String(100), primary_key=True),
    Column("client", String(200), primary_key=True),
    Column("card", Uuid, nullable=False),
    Column("rule", String(100), nullable=False),
    Column("indicator", String(20), nullable=False),
    Column("knowledge_version", String(100), nullable=False),
    Column("shadowed_ms", BigInteger, nullable=False),
    Column("day", Integer, nullable=False),
    Index("shadowed_day", "day"),
)

# Counted when the row is written; stays when the row goes by age.
shadow_roll_up = Table(
    "shadow_roll_up",
    metadata,
    Column("day", Integer, primary_key=True),
    Column("topic", String(100), primary_key=True),
    Column("hook", String(100), primary_key=True),
    Column("client", String(200), primary_key=True),
    Column("knowledge_version", String(100), primary_key=True),
    Column("shadowed", BigInteger, nullable=False),
)
