"""Tallies become the text that Prometheus reads. Loaded when it is first asked for: a start need not wait for it."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from service.tallies import BUCKETS, Kind, Labels, Snapshot, Tally


def shown(tallies: Iterable[Tally], processes: Iterable[Snapshot], accept: str) -> tuple[bytes, str]:
    """The metrics of all processes together, in the format that `Accept` asks for, and its media type."""
    encode, media_type = choose_encoder(accept)
    return encode(_Collected(list(families(tallies, processes)))), media_type


def families(tallies: Iterable[Tally], processes: Iterable[Snapshot]) -> Iterator[Metric]:
    """The metrics of all processes together, without those that have no row."""
    several = list(processes)
    for tally in tallies:
        rows = tally.merged(*(process.get(tally.name, []) for process in several))
        if rows:
            yield _family(tally, rows)


class _Collected(Collector):
    """What an encoder asks."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _family(tally: Tally, rows: Mapping[Labels, list[float]]) -> Metric:
    if tally.kind is Kind.HISTOGRAM:
        histogram = HistogramMetricFamily(tally.name, tally.text, labels=tally.labels)
        for labels, row in sorted(rows.items()):
            histogram.add_metric(labels, list(_cumulated(row)), row[-1])
        return histogram
    family: CounterMetricFamily | GaugeMetricFamily
    if tally.kind is Kind.COUNTER:
        family = CounterMetricFamily(tally.name, tally.text, labels=tally.labels)
    else:
        family = GaugeMetricFamily(tally.name, tally.text, labels=tally.labels)
    for labels, row in sorted(rows.items()):
        family.add_metric(labels, row[0])
    return family


def _cumulated(row: list[float]) -> Iterator[tuple[str, float]]:
    total = 0.0
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), row[:-1], strict=True):
        total += count
        yield bound, total
