"""Faults, digests, and deterministic CBOR (chapter 01, CBOR-001 to CBOR-012)."""

import hashlib
import math
import struct

MAX_DEPTH = 16


class Fault(Exception):
    """A reason code of chapter 01, and the place."""

    def __init__(self, code, detail, at=None):
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.at = code, detail, at


def sha256(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


class Float(float):
    """A CBOR float: an integer in the place of a real is a fault of structure (CBOR-007)."""


class Scanner:
    """CBOR-001 to CBOR-011: judges and decodes at once, forward, first fault first."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def whole(self):
        item = self.item(0)
        if self.at != len(self.data):
            raise Fault("cbor.trailing", "bytes follow the item", self.at)
        return item

    def take(self, count, start):
        if count > len(self.data) - self.at:
            raise Fault("cbor.truncated", "the bytes end before the item does", start)
        self.at += count
        return self.data[self.at - count : self.at]

    def head(self):
        start = self.at
        first = self.take(1, start)[0]
        major, info = first >> 5, first & 0x1F
        if info < 24:
            return major, info, info
        if info <= 27:
            width = 1 << (info - 24)
            argument = int.from_bytes(self.take(width, start), "big")
            if major != 7 and argument < (24, 1 << 8, 1 << 16, 1 << 32)[info - 24]:
                raise Fault("cbor.not-shortest", "an integer or length is not in its shortest form", start)
            return major, info, argument
        if info == 31:
            raise Fault("cbor.indefinite", "indefinite length", start)
        raise Fault("cbor.reserved", "reserved additional information", start)

    def item(self, depth):
        start = self.at
        if depth > MAX_DEPTH:
            raise Fault("cbor.depth", "items are nested too deep", start)
        major, info, argument = self.head()
        if major == 0:
            return argument
        if major == 1:
            return -1 - argument
        if major == 2:
            return self.take(argument, start)
        if major == 3:
            try:
                return self.take(argument, start).decode("utf-8")
            except UnicodeDecodeError:
                raise Fault("cbor.utf8", "a text is not UTF-8", start) from None
        if major == 4:
            self.room(argument, start)
            return [self.item(depth + 1) for _ in range(argument)]
        if major == 5:
            self.room(2 * argument, start)
            return self.entries(argument, depth)
        if major == 6:
            raise Fault("cbor.tag", "a tag", start)
        return self.simple(info, argument, start)

    def room(self, count, start):
        if count > len(self.data) - self.at:
            raise Fault("cbor.truncated", "more items than bytes", start)

    def entries(self, count, depth):
        out, previous = {}, None
        for _ in range(count):
            start = self.at
            if start < len(self.data) and self.data[start] >> 5 not in (0, 1, 3):
                raise Fault("cbor.key-type", "a key is neither an integer nor a text", start)
            key = self.item(depth + 1)
            raw = self.data[start : self.at]
            if previous is not None and raw == previous:
                raise Fault("cbor.key-duplicate", "a key occurs twice", start)
            if previous is not None and raw < previous:
                raise Fault("cbor.key-order", "keys are not in order", start)
            previous = raw
            out[key] = self.item(depth + 1)
        return out

    def simple(self, info, argument, start):
        if info in (20, 21, 22):
            return (False, True, None)[info - 20]
        if info not in (25, 26, 27):
            raise Fault("cbor.simple", "a simple value", start)
        form = {25: ">e", 26: ">f", 27: ">d"}[info]
        raw = argument.to_bytes(1 << (info - 24), "big")
        value = struct.unpack(form, raw)[0]
        good = True
        if math.isnan(value):
            good = raw == b"\x7e\x00"
        else:
            for shorter in {25: (), 26: (">e",), 27: (">f", ">e")}[info]:
                try:
                    again = struct.unpack(shorter, struct.pack(shorter, value))[0]
                except OverflowError:
                    continue
                good = good and struct.pack(">d", again) != struct.pack(">d", value)
        if not good:
            raise Fault("cbor.float", "a float is not in its one spelling", start)
        return Float(value)


def cbor(data):
    return Scanner(data).whole()


def head(major, argument):
    """The shortest head; the only thing that is ever encoded here, for the Sig_structure."""
    for info, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 24:
            return bytes([major << 5 | argument])
        if argument < 1 << (8 * width):
            return bytes([major << 5 | info]) + argument.to_bytes(width, "big")
    raise ValueError(argument)


def bstr(data):
    return head(2, len(data)) + data
