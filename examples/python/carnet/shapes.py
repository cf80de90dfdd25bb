"""Structure and identifiers: REC-003, REC-004, REC-011, REC-012, ID-001 to ID-008."""

import math
import re

from .cbor import Fault, Float

MAX_NAME, MAX_LIST = 256, 4_096

COUNTRIES = set(
    """AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD
    CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG
    GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR
    KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF
    NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM
    SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE
    YT ZA ZM ZW XK XI EU""".split()
)
WORD = re.compile(r"[a-z0-9-]{1,32}")


def is_uint(bits):
    return lambda v: type(v) is int and 0 <= v < 1 << bits


def is_time(v):
    return type(v) is int and -(1 << 63) <= v < 1 << 63


def is_text(v):
    return isinstance(v, str)


def is_bool(v):
    return isinstance(v, bool)


def is_digest(v):
    return isinstance(v, bytes) and len(v) == 32


def is_country(v):
    return isinstance(v, str) and v in COUNTRIES


def is_word(v):
    return isinstance(v, str) and WORD.fullmatch(v) is not None


def is_real(v):
    return isinstance(v, Float) and math.isfinite(v)


def is_any(v):
    return True


def list_of(check):
    return lambda v: isinstance(v, list) and all(check(entry) for entry in v)


def map_of(required, optional=None):
    """REC-003, REC-004, REC-011."""

    def check(v):
        if not isinstance(v, dict) or any(type(key) is not int or not -(1 << 63) <= key < 1 << 63 for key in v):
            return False
        if any(key not in v or not test(v[key]) for key, test in required.items()):
            return False
        return all(v.get(key) is None or test(v[key]) for key, test in (optional or {}).items())

    return check


U32, U64 = is_uint(32), is_uint(64)
TEXTS = list_of(is_text)
HANDLING = map_of(
    {1: list_of(is_country), 2: TEXTS, 3: TEXTS, 4: is_word, 5: TEXTS, 7: is_word, 8: TEXTS, 10: is_bool}, {6: is_text, 9: is_time}
)
PAYLOAD = map_of({1: is_text, 2: is_text, 3: U64, 4: is_digest, 5: is_digest}, {6: HANDLING})
INSTRUMENT = map_of({}, {0: is_text, 1: is_text, 2: is_text, 3: is_text})
MAKER = map_of({0: is_country, 4: is_text, 5: is_text}, {1: is_text, 2: is_text, 3: INSTRUMENT})
RECORD = map_of(
    {
        0: U32,
        1: is_digest,
        2: is_word,
        3: is_text,
        4: MAKER,
        5: is_time,
        6: list_of(map_of({0: is_digest, 1: is_word})),
        7: list_of(PAYLOAD),
        8: HANDLING,
        9: is_any,
        10: list_of(is_digest),
    }
)


def shape(good, what):
    if not good:
        raise Fault("record.identifier", what)


def check_container(v):
    shape(re.fullmatch(r"[A-Z]{3}[UJZ][0-9]{7}", v), "container")
    values = {}
    number = 10
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        while number % 11 == 0:
            number += 1
        values[letter], number = number, number + 1
    total = sum((int(c) if c.isdigit() else values[c]) << place for place, c in enumerate(v[:10]))
    shape(total % 11 % 10 == int(v[10]), "check digit of a container")


def is_origin(v):
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,127}", v) is not None and "://" not in v


def check_office(v):
    shape(re.fullmatch(r"[A-Z]{2}[A-Z0-9]{6}", v) and v[:2] in COUNTRIES, "customs office")


def check_locode(v):
    shape(re.fullmatch(r"[A-Z]{2}[A-Z2-9]{3}", v) and (v[:2] in COUNTRIES or v[:2] == "XZ"), "place")


def check_inspection(v):
    shape(re.fullmatch(r"[A-Z0-9-]{4,64}", v) and v[:2] in COUNTRIES and v[2] == "-", "inspection")


def limit(good, what):
    if not good:
        raise Fault("record.limit", what)


def check_text(v, most=16_384):
    limit(len(v.encode()) <= most, "a text is too long")
    allowed = "\n\t" if most > MAX_NAME else ""
    limit(not any((ord(c) < 32 or 127 <= ord(c) < 160) and c not in allowed for c in v), "control characters")


def check_name(v):
    limit(v != "", "an empty name")
    check_text(v, MAX_NAME)


def ascends(v):
    return all(a < b for a, b in zip(v, v[1:]))
