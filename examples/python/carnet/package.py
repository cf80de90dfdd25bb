"""Packages and payloads (chapter 02), read forward."""

import hashlib

from .cbor import Fault, cbor, sha256
from .shapes import U32, U64, is_digest, is_text, list_of, map_of
from .signed import Signed

CHUNK = 1_048_576


def tree_root(hashes_):
    if not hashes_:
        return sha256()
    if len(hashes_) == 1:
        return hashes_[0]
    split = 1 << (len(hashes_) - 1).bit_length() - 1
    return sha256(b"\x01", tree_root(hashes_[:split]), tree_root(hashes_[split:]))


FRAMES = {
    0x01: 1_048_576, 0x02: 64, 0x03: 65_536, 0x04: 1_024, 0x05: 64, 0x10: 64, 0x11: 32_768, 0x12: 262_144,
    0x13: 69_632, 0x14: 135_168, 0x15: 2_097_280, 0x16: 1_048_580, 0x1F: 128,
}  # fmt: skip
HEADER, LOG_KEY, RECORD_FRAME, OPENINGS, PROOF, CHUNK_LIST, CHUNK_FRAME, TRAILER = 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x1F


class Package:
    """PKG-001 to PKG-010: reads forward. `records` holds what came; nothing of it is verified yet."""

    def __init__(self, source):
        self.source, self.at, self.digest = source, 0, hashlib.sha256()
        self.log_keys, self.records, self.payloads = [], [], 0
        self.header()
        self.body()

    def frame(self):
        at = self.at
        start = self.fill(5, at)
        kind, length = start[0], int.from_bytes(start[1:], "big")
        if kind not in FRAMES or length > FRAMES[kind]:
            raise Fault("wire.frame", f"frame type {kind:02x} of {length} bytes", at)
        body = self.fill(length, at)
        if kind != TRAILER:
            self.digest.update(start + body)
        return at, kind, body

    def fill(self, count, at):
        data = self.source.read(count)
        if len(data) < count:
            raise Fault("package.truncated", "the package ends before its trailer", at)
        self.at += count
        return data

    def message(self, body, at, check):
        try:
            value = cbor(body)
        except Fault as fault:
            fault.at = at
            raise
        if not check(value):
            raise Fault("wire.structure", "not the structure of the message", at)
        return value

    def header(self):
        try:
            at, kind, body = self.frame()
            value = self.message(body, at, map_of({0: is_text, 1: U32}))
        except Fault as fault:
            raise Fault("package.header", fault.detail, 0) from None
        if kind != HEADER or value[0] != "carnet-uff" or value[1] != 1:
            raise Fault("package.header", "not a package of version 1", 0)

    def body(self):
        last_log, last_id, signed, last_payload, logs = b"", None, None, -1, True
        while True:
            at, kind, body = self.frame()
            if kind == LOG_KEY and logs:
                if self.log_keys and sha256(body) <= last_log:
                    raise Fault("package.order", "log keys must ascend", at)
                last_log = sha256(body)
                self.log_keys.append(self.message(body, at, map_of({1: list_of(lambda v: isinstance(v, bytes))}))[1])
                continue
            logs = False if kind == RECORD_FRAME else logs
            if kind == RECORD_FRAME:
                signed, last_payload = self.record(at, body, last_id), -1
                last_id = signed.id
            elif kind == CHUNK_LIST and signed is not None:
                last_payload = self.payload(at, body, signed, last_payload)
            elif kind == TRAILER:
                return self.trailer(at, body)
            else:
                raise Fault("package.order", f"a frame of type {kind:02x} where it does not belong", at)

    def record(self, at, body, last_id):
        try:
            signed = Signed(body)
        except Fault as fault:
            fault.at = at + 5 + (fault.at or 0)
            raise
        if last_id is not None and signed.id == last_id:
            raise Fault("package.duplicate", "a record occurs twice", at)
        if last_id is not None and signed.id < last_id:
            raise Fault("package.order", "records must ascend", at)
        openings = []
        at, kind, body = self.frame()
        if kind == OPENINGS:
            openings = self.message(body, at, list_of(lambda v: isinstance(v, bytes)))
            at, kind, body = self.frame()
        if kind != PROOF:
            raise Fault("package.order", "a proof belongs here", at)
        self.records.append((signed, openings, body, []))
        return signed

    def payload(self, at, body, signed, last):
        value = self.message(body, at, map_of({1: is_digest, 2: U32, 3: U64, 4: lambda v: isinstance(v, bytes)}))
        named = signed.record[7]
        if value[1] != signed.id or value[2] >= len(named):
            raise Fault("package.orphan", "a payload of another record", at)
        if value[2] <= last:
            raise Fault("package.order", "payloads must ascend", at)
        named, size, listed = named[value[2]], value[3], value[4]
        count = -(-size // CHUNK)
        if named[3] != size or len(listed) != 32 * count:
            raise Fault("payload.root", "another size than the record's", at)
        chunk_hashes = [listed[n : n + 32] for n in range(0, len(listed), 32)]
        if tree_root(chunk_hashes) != named[4]:
            raise Fault("payload.root", "the list does not lead to the record's root", at)
        flat = hashlib.sha256()
        for index, wanted in enumerate(chunk_hashes):
            at, kind, body = self.frame()
            if kind != CHUNK_FRAME:
                raise Fault("package.order", "a chunk belongs here", at)
            if len(body) < 4:
                raise Fault("wire.frame", "a chunk without an index", at)
            if int.from_bytes(body[:4], "big") != index:
                raise Fault("package.order", "another chunk belongs here", at)
            chunk = body[4:]
            if len(chunk) != min(CHUNK, size - index * CHUNK) or sha256(b"\x00", chunk) != wanted:
                raise Fault("payload.chunk", "the chunk does not have its hash", at)
            flat.update(chunk)
        self.payloads += 1
        self.records[-1][3].append((value[2], size, flat.digest() == named[5]))
        return value[2]

    def trailer(self, at, body):
        value = self.message(body, at, map_of({1: U64, 2: U64, 3: is_digest}))
        if value[1] != len(self.records) or value[2] != self.payloads:
            raise Fault("package.trailer", "the trailer counts something else", at)
        if value[3] != self.digest.digest():
            raise Fault("package.trailer", "the digest is another one", at)
        if self.source.read(1):
            raise Fault("package.trailer", "bytes follow the trailer", self.at)
