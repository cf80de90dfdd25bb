"""The envelope of a record, and the openings beside it: REC-010, REC-042, HDL-003, HDL-004."""

from .cbor import Fault, cbor, sha256
from .content import MAX_PAYLOADS, check_content
from .shapes import (
    MAX_LIST,
    RECORD,
    ascends,
    check_inspection,
    check_locode,
    check_name,
    check_office,
    is_digest,
    is_origin,
    is_text,
    limit,
    shape,
)

MAX_PARENTS, MAX_OPENINGS, MAX_OPENING_COUNT, MAX_PAYLOAD = 256, 65_536, 256, 68_719_476_736


def check_handling(v):
    """HDL-003."""
    if (
        not ascends([c.encode() for c in v[1]])
        or not ascends([g.encode() for g in v[2]])
        or not ascends([o.encode() for o in v[3]])
    ):
        raise Fault("record.structure", "the sets of a handling must ascend")
    if v[4] not in ("red", "amber-strict", "amber", "green", "clear") or v[7] not in ("none", "ask", "within-operation"):
        raise Fault("handling.unknown", "an unknown label or rule")
    for names in (v[2], v[3], v[5], v[8]):
        limit(len(names) <= MAX_LIST, "names in a handling")
        for name in names:
            check_name(name)
    if v.get(6) is not None:
        check_name(v[6])


def check_record(r):
    """REC-010."""
    if not isinstance(r, dict) or r.get(0, Fault) is Fault:
        raise Fault("record.structure", "no profile version")
    if type(r[0]) is not int or r[0] != 1:
        raise Fault("record.version", "the profile version is not 1")
    if not RECORD(r):
        raise Fault("record.structure", "a field is missing or has the wrong type")
    for handling in [r[8]] + [p[6] for p in r[7] if p.get(6) is not None]:
        if any(key not in range(1, 11) for key in handling):
            raise Fault("handling.unknown", "a field of a handling is not known")
    check_inspection(r[3])
    maker = r[4]
    if maker.get(1) is not None:
        check_office(maker[1])
    if maker.get(2) is not None:
        check_locode(maker[2])
    shape(is_origin(maker[5]), "log")
    instrument = maker.get(3) or {}
    for text in [maker[4]] + [instrument[n] for n in range(4) if instrument.get(n) is not None]:
        check_name(text)
    limit(len(r[6]) <= MAX_PARENTS, "parents")
    limit(len(r[7]) <= MAX_PAYLOADS, "payloads")
    limit(len(r[10]) <= MAX_OPENING_COUNT, "commitments")
    if not ascends(r[10]):
        raise Fault("record.structure", "commitments must ascend")
    check_handling(r[8])
    for payload in r[7]:
        check_name(payload[1])
        check_name(payload[2])
        if payload[3] > MAX_PAYLOAD:
            raise Fault("payload.too-large", "a payload is too large")
        if payload.get(6) is not None:
            check_handling(payload[6])
    check_content(r[2], r[9], len(r[7]))


def check_openings(commitments, openings):
    """REC-042."""
    limit(len(openings) <= MAX_OPENING_COUNT, "openings")
    limit(sum(map(len, openings)) <= MAX_OPENINGS, "bytes of openings")
    names, seen = [], set()
    for opening in openings:
        value = cbor(opening)
        if not isinstance(value, list) or len(value) != 3 or not is_digest(value[0]) or not is_text(value[1]):
            raise Fault("opening.structure", "not [salt, name, value]")
        check_name(value[1])
        digest = sha256(opening)
        if digest not in commitments or digest in seen:
            raise Fault("opening.unknown", "belongs to no commitment")
        seen.add(digest)
        names.append(value[1])
    return names
