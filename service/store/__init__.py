"""The store: what was issued and what prescribers did with it, kept safely and without a patient."""

from service.store.copies import backup, restore
from service.store.database import Database, StoreError, StoreRefused, StoreUnavailable
from service.store.export import ExportRow, export_rows
from service.store.export import export as write_export
from service.store.feedback_writer import FeedbackWriter, Written
from service.store.issued_writer import IssuedWriter, WriteObserver
from service.store.jti import JtiStore
from service.store.migrate import upgrade
from service.store.opener import Opener
from service.store.records import AnsweredCall, CallOutcome, IssuedCard
from service.store.retention import Removed, erase, retain
from service.store.roll_ups import refresh
from service.store.site_changes import LONGEST_BY, LONGEST_REASON, Change, Mark, changes, mark, record, record_sight
from service.store.stats import CallRow, Dimension, Statistics, TopicRow
from service.store.stats import stats as statistics
from service.store.words import PublishedReasons

__all__ = [
    "LONGEST_BY",
    "LONGEST_REASON",
    "AnsweredCall",
    "CallOutcome",
    "CallRow",
    "Change",
    "Database",
    "Dimension",
    "ExportRow",
    "FeedbackWriter",
    "IssuedCard",
    "IssuedWriter",
    "JtiStore",
    "Mark",
    "Opener",
    "PublishedReasons",
    "Removed",
    "Statistics",
    "StoreError",
    "StoreRefused",
    "StoreUnavailable",
    "TopicRow",
    "WriteObserver",
    "Written",
    "backup",
    "changes",
    "erase",
    "export_rows",
    "mark",
    "record",
    "record_sight",
    "refresh",
    "restore",
    "retain",
    "statistics",
    "upgrade",
    "write_export",
]
