"""Evaluations as records of plain values: what `--json` writes, one line each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.evaluation.bootstrap import Interval
from engine.evaluation.decisions import Decision
from engine.evaluation.results import (
    Calibration,
    Evaluation,
    Paired,
    Retrieval,
    Routing,
    Swap,
)

Record = tuple[str, dict[str, object]]


def records(evaluation: Evaluation) -> Iterator[Record]:
    """The type and fields of every line: first recall, then paired, swap, routing, calibration,
    and at the end what the evaluation was made on."""
    yield from figure_records(
        evaluation.retrieval,
        evaluation.paired,
        evaluation.swaps,
        evaluation.routing,
        evaluation.calibration,
    )
    yield "evaluation", head(evaluation)


def figure_records(
    retrieval: Iterable[Retrieval],
    paired: Iterable[Paired],
    swaps: Iterable[Swap],
    routing: Iterable[Routing],
    calibration: Iterable[Calibration],
) -> Iterator[Record]:
    """The type and fields of the lines of all figures."""
    yield from (("recall", _recall(each)) for each in retrieval)
    yield from (("paired", _paired(each)) for each in paired)
    yield from (("swap", _swap(each)) for each in swaps)
    yield from (("routing", _routing(each)) for each in routing)
    yield from (("calibration", _calibration(each)) for each in calibration)


def head(evaluation: Evaluation) -> dict[str, object]:
    """What the evaluation was made on."""
    return {
        "id": evaluation.id,
        "created_at": evaluation.created_at,
        "data": evaluation.data,
        "kind": evaluation.kind,
        "encoder": evaluation.encoder,
        "match": evaluation.match,
        "texts": evaluation.texts,
        "pictures": evaluation.pictures,
        "seconds": evaluation.seconds,
        "notes": list(evaluation.notes),
    }


def _recall(found: Retrieval) -> dict[str, object]:
    return {
        "scorer": found.scorer,
        "direction": found.direction,
        "queries": found.queries,
        "candidates": found.candidates,
        **_with_bounds("r@1", found.r1),
        **_with_bounds("r@5", found.r5),
        **_with_bounds("r@10", found.r10),
        **_with_bounds("median_rank", found.median_rank),
        **_with_bounds("mrr", found.mrr),
        **_with_bounds("map", found.average_precision),
        "share@10": found.share10,
        "rights": found.rights,
        "groups": [
            {
                "name": group.name,
                "queries": group.queries,
                "r@1": group.r1,
                "r@10": group.r10,
                "map": group.average_precision,
            }
            for group in found.groups
        ],
    }


def _paired(found: Paired) -> dict[str, object]:
    return {
        "one": found.one,
        "other": found.other,
        "direction": found.direction,
        "measure": found.measure,
        **_with_bounds("difference", found.difference),
        "p": found.p,
    }


def _swap(found: Swap) -> dict[str, object]:
    return {
        "scorer": found.scorer,
        "pairs": found.pairs,
        **_with_bounds("auc", found.auc),
        "told_apart": found.told_apart,
        "attributes": {
            name: {"pairs": pairs, "told_apart": share} for name, pairs, share in found.attributes
        },
    }


def _routing(found: Routing) -> dict[str, object]:
    return {
        "scorer": found.scorer,
        "protocol": found.protocol,
        "present": found.present,
        "absent": found.absent,
        **_decision(found.at),
        "best": _decision(found.best),
        "kinds": {
            name: {"queries": queries, "accuracy": accuracy}
            for name, queries, accuracy in found.kinds
        },
        "curve": [
            [point.threshold, point.precision, point.recall, point.accuracy]
            for point in found.curve
        ],
    }


def _calibration(found: Calibration) -> dict[str, object]:
    return {
        "scorer": found.scorer,
        "pairs": found.pairs,
        "ece": found.error,
        "brier": found.brier,
        "bins": [[bar.count, bar.predicted, bar.observed] for bar in found.bins],
    }


def _decision(found: Decision | None) -> dict[str, object]:
    names = ("threshold", "precision", "recall", "accuracy")
    return {name: None if found is None else getattr(found, name) for name in names}


def _with_bounds(name: str, found: Interval) -> dict[str, object]:
    return {name: found.value, f"{name}_interval": [found.low, found.high]}
