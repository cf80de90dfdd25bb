"""What each kind of record adds: REC-020 to REC-029."""

import re

from .cbor import Fault
from .shapes import (
    MAX_LIST,
    TEXTS,
    U32,
    U64,
    ascends,
    check_container,
    check_locode,
    check_name,
    check_office,
    check_text,
    is_bool,
    is_country,
    is_digest,
    is_real,
    is_text,
    is_time,
    is_uint,
    is_word,
    limit,
    list_of,
    map_of,
    shape,
)

MAX_PAYLOADS = 1_024

CHANNEL = map_of({1: is_text, 2: is_text, 3: is_uint(8), 4: U32, 5: is_digest}, {6: is_text, 7: is_real, 8: is_real})
VIEW = map_of({1: is_text, 2: U32, 3: U32, 7: list_of(CHANNEL)}, {4: is_real, 5: is_real, 6: is_text})
ITEM = map_of(
    {1: U32},
    {2: is_text, 3: is_text, 4: is_real, 5: U32, 6: is_text, 7: is_text, 8: is_real, 9: is_text, 10: is_country},
)
RECEIVED = map_of({1: is_digest, 2: is_digest, 3: U64, 4: U64, 5: list_of(U32)})
FOUND = map_of({1: is_text}, {2: is_text, 3: is_real, 4: U64})
CONTENT = {
    "image": map_of({1: is_bool, 2: is_bool, 4: is_text, 5: list_of(VIEW), 20: TEXTS}, {3: is_time}),
    "spectrum": map_of({1: is_bool, 4: is_text, 5: U32, 6: U32, 7: U32, 8: U32, 9: is_bool, 20: TEXTS}, {3: is_time}),
    "signal": map_of(
        {1: is_bool, 4: is_text, 5: U32, 6: list_of(map_of({1: is_text, 2: is_text, 3: U32})), 20: TEXTS}, {3: is_time}
    ),
    "declaration": map_of(
        {5: list_of(ITEM), 9: list_of(is_country), 20: TEXTS, 21: TEXTS},
        {n: is_text for n in (1, 2, 3, 6, 7, 8, 10, 11, 12)} | {4: is_time, 13: is_country},
    ),
    "intelligence": map_of({1: is_text, 2: is_word, 3: is_text, 4: is_text, 20: TEXTS}),
    "annotation": map_of({1: is_text, 3: list_of(map_of({1: U32, 2: list_of(is_real)}))}, {2: is_text}),
    "outcome": map_of({1: is_text, 2: is_text, 3: is_text, 4: list_of(FOUND)}, {5: is_time, 6: is_text}),
    "release": map_of({1: is_digest, 2: is_country, 3: list_of(U32), 5: TEXTS}, {4: is_time}),
    "withdrawal": map_of({1: is_digest}, {2: is_country, 3: is_text}),
    "receipt": map_of({1: is_country, 2: list_of(RECEIVED)}),
}


def content_fault(good, what):
    if not good:
        raise Fault("record.content", what)


def check_content(kind, c, payloads):
    """REC-020, and the orders of checks of its sections."""
    if kind not in CONTENT:
        return
    content_fault(CONTENT[kind](c), f"not the structure of a {kind}")

    def index(v):
        content_fault(v < payloads, "a payload that the record does not have")

    def containers():
        limit(len(c[20]) <= MAX_LIST, "containers")
        for number in c[20]:
            check_container(number)

    def maybe(check, v):
        if v is not None:
            check(v)

    if kind == "image":
        check_name(c[4])
        limit(len(c[5]) <= MAX_LIST, "views")
        containers()
        for view in c[5]:
            check_name(view[1])
            maybe(check_name, view.get(6))
            limit(1 <= view[2] * view[3] <= 1 << 28 and max(view[2], view[3]) <= 1 << 20, "samples of a view")
            content_fault(all(p is None or p > 0 for p in (view.get(4), view.get(5))), "pitch")
            limit(len(view[7]) <= MAX_LIST, "channels")
            for channel in view[7]:
                check_name(channel[1])
                check_name(channel[2])
                maybe(check_name, channel.get(6))
                limit(8 <= channel[3] <= 16, "stored bits")
                index(channel[4])
    elif kind in ("spectrum", "signal"):
        check_name(c[4])
        if kind == "signal":
            limit(len(c[6]) <= 8, "axes")
            for axis in c[6]:
                check_name(axis[1])
                check_name(axis[2])
        containers()
        index(c[5])
    elif kind == "declaration":
        maybe(lambda v: shape(re.fullmatch(r"[0-9]{2}[A-Z]{2}[A-Z0-9]{13}[0-9F]", v), "MRN"), c.get(1))
        maybe(check_office, c.get(3))
        for key in (6, 7, 8):
            maybe(check_locode, c.get(key))
        for key in (2, 10, 11, 12):
            maybe(check_name, c.get(key))
        for key in (5, 9, 21):
            limit(len(c[key]) <= MAX_LIST, "a list of the declaration")
        for seal in c[21]:
            check_name(seal)
        containers()
        for item in c[5]:
            maybe(
                lambda v: shape(re.fullmatch(r"([0-9]{2}){1,3}", v) and 1 <= int(v[:2]) <= 97 and v[:2] != "77", "HS"), item.get(2)
            )
            maybe(lambda v: shape(re.fullmatch(r"[0-9]{4}", v), "UN number"), item.get(7))
            maybe(check_text, item.get(3))
            maybe(check_name, item.get(6))
            maybe(check_name, item.get(9))
    elif kind == "intelligence":
        check_text(c[1])
        containers()
        grades = {"4x4": ("ABCX", "1234"), "6x6": ("ABCDEF", "123456")}.get(c[2], ("", ""))
        good = len(c[3]) == 1 and c[3] in grades[0] and len(c[4]) == 1 and c[4] in grades[1]
        content_fault(good, "grading")
    elif kind == "annotation":
        check_text(c[1])
        maybe(check_name, c.get(2))
        limit(len(c[3]) <= MAX_LIST, "regions")
        for region in c[3]:
            limit(len(region[2]) <= MAX_LIST, "corners")
            content_fault(len(region[2]) >= 6 and len(region[2]) % 2 == 0, "polygon")
    elif kind == "outcome":
        content_fault(c[1] in ("released", "seized", "detained", "returned", "destroyed"), "decision")
        content_fault(c[2] in ("none", "documents", "scan", "partial", "full"), "examination")
        content_fault(c[3] in ("random", "risk", "alarm", "tip", "request"), "reason")
        maybe(check_text, c.get(6))
        limit(len(c[4]) <= MAX_LIST, "things found")
        for found in c[4]:
            check_name(found[1])
            maybe(check_text, found.get(2))
    elif kind == "release":
        limit(len(c[3]) <= MAX_PAYLOADS, "payloads")
        content_fault(ascends(c[3]), "payloads must ascend")
        limit(len(c[5]) <= MAX_LIST, "personal fields")
        for name in c[5]:
            check_name(name)
        content_fault(ascends([name.encode() for name in c[5]]), "personal fields must ascend")
    elif kind == "withdrawal":
        maybe(check_name, c.get(3))
    elif kind == "receipt":
        limit(len(c[2]) <= MAX_LIST, "records")
        for received in c[2]:
            limit(len(received[5]) <= MAX_PAYLOADS, "payloads")
            content_fault(ascends(received[5]), "payloads must ascend")
