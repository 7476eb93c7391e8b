"""Answers of members as bytes, to travel from the process that computes to the one that writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from opendicke.measure.moments import JointMoments, Moments
from opendicke.measure.observables import Observable
from opendicke.measure.raw import Raw, Status
from opendicke.model.checks import Array
from opendicke.results.journal import pack, unpack


def packed(raws: Sequence[Raw]) -> bytes:
    """Answers of several members; every bit of their numbers is kept."""
    arrays: dict[str, Array] = {}
    members = []
    for number, raw in enumerate(raws):
        values: dict[str, int | None] = {}
        for name, entry in raw.values.items():
            place = f"{number}/values/{name}"
            if isinstance(entry, (Moments, JointMoments)):
                values[name] = entry.count
                arrays[f"{place}/mean"], arrays[f"{place}/m2"] = entry.mean, entry.m2
            else:
                values[name] = None
                arrays[place] = entry
        for name, (_, array) in raw.labels.items():
            arrays[f"{number}/labels/{name}"] = array
        for name, array in raw.end.items():
            arrays[f"{number}/end/{name}"] = array
        members.append(
            {
                "status": int(raw.status),
                "message": raw.message,
                "numerics": json.dumps(raw.numerics, default=_plain),
                "values": values,
                "labels": {name: list(dims) for name, (dims, _) in raw.labels.items()},
                "end": list(raw.end),
            }
        )
    return pack({"members": members}, arrays)


def unpacked(content: bytes, observables: Sequence[Observable]) -> list[Raw]:
    """What was packed; functions of means come from the observables.

    Raises
    ------
    ValueError
        If the content is damaged.
    """
    header, arrays = unpack(content)
    combine = {item.name: item.combine for item in observables}
    raws = []
    for number, member in enumerate(header["members"]):

        def entry(name: str, count: int | None, number: int = number) -> Any:
            place = f"{number}/values/{name}"
            if count is None:
                return arrays[place]
            mean, m2 = arrays[f"{place}/mean"], arrays[f"{place}/m2"]
            function = combine[name]
            if function is None:
                return Moments(count, mean, m2)
            return JointMoments(count, mean, m2, function)

        labels: Mapping[str, Any] = {
            name: (tuple(dims), arrays[f"{number}/labels/{name}"])
            for name, dims in member["labels"].items()
        }
        raws.append(
            Raw(
                {name: entry(name, count) for name, count in member["values"].items()},
                Status(member["status"]),
                member["message"],
                json.loads(member["numerics"]),
                labels,
                {name: arrays[f"{number}/end/{name}"] for name in member["end"]},
            )
        )
    return raws


def _plain(value: Any) -> Any:
    """NumPy numbers and arrays as JSON knows them."""
    return value.tolist()
