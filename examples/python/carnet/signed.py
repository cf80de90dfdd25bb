"""Signed records: COSE_Sign1, ids, the order of checks (SIG-001 to SIG-015)."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from .cbor import Fault, Scanner, bstr, cbor, head, sha256
from .certificates import MAX_CERTIFICATE, MAX_CHAIN, judge_chain
from .record import check_record

MAX_RECORD, CLOCK_SKEW = 262_144, 3_600


class Signed:
    """SIG-010 for a record."""

    def __init__(self, data):
        self.data = data
        if len(data) > MAX_RECORD:
            raise Fault("statement.too-large", "the record is too large")
        if data[:2] != b"\xd2\x84":
            raise Fault("cose.shape", "not a tagged COSE_Sign1 of four items", 0)
        try:
            cbor(data[1:])
        except Fault as fault:
            fault.at += 1
            raise
        self.at = 2
        self.protected, protected_at = self.string()
        if data[self.at] != 0xA0:
            raise Fault("cose.unprotected", "the unprotected header is not empty", self.at)
        self.at += 1
        payload, payload_at = self.string()
        self.signature, _ = self.string()
        self.header(protected_at)
        try:
            self.record = cbor(payload)
        except Fault as fault:
            fault.at += payload_at
            raise
        try:
            check_record(self.record)
        except Fault as fault:
            # The place of a fault of structure is not part of the specification, beyond the record's frame.
            fault.inexact = True
            raise
        self.message = head(4, 4) + head(3, 10) + b"Signature1" + bstr(self.protected) + bstr(b"") + bstr(payload)
        self.id = sha256(self.message)
        self.entry = sha256(data)

    def string(self):
        if self.data[self.at] >> 5 != 2:
            raise Fault("cose.shape", "a byte string belongs here", self.at)
        scanner = Scanner(self.data)
        scanner.at = self.at
        value = scanner.item(0)
        self.at = scanner.at
        return value, self.at - len(value)

    def header(self, at):
        try:
            fields = cbor(self.protected)
        except Fault as fault:
            fault.at += at
            raise
        if not isinstance(fields, dict) or list(fields) != [1, 3, 33]:
            raise Fault("cose.header", "not exactly alg, content type and x5chain", at)
        self.alg = fields[1]
        if type(self.alg) is not int:
            raise Fault("cose.header", "alg is not an integer", at)
        if self.alg not in (-19, -9):
            raise Fault("cose.algorithm", "alg is not of the profile", at)
        if fields[3] != "application/carnet-record+cbor":
            raise Fault("cose.content-type", "not a record", at)
        if not isinstance(fields[33], list):
            raise Fault("cose.header", "x5chain is not a list", at)
        for certificate in fields[33]:
            if not isinstance(certificate, bytes):
                raise Fault("cose.header", "x5chain is not a list of byte strings", at)
            if len(certificate) > MAX_CERTIFICATE:
                raise Fault("chain.too-long", "a certificate is too large", at)
        if not fields[33]:
            raise Fault("chain.empty", "x5chain is empty", at)
        if len(fields[33]) > MAX_CHAIN:
            raise Fault("chain.too-long", "too many certificates", at)
        self.chain = fields[33]

    def verify(self, root, now):
        """SIG-011."""
        leaf = judge_chain(self.chain, root, "record", now)
        if (self.alg == -19) != isinstance(leaf.key, ed25519.Ed25519PublicKey):
            raise Fault("cose.algorithm", "alg is not that of the key")
        verify_signature(leaf.key, self.signature, self.message)
        maker = self.record[4]
        if leaf.country != maker[0]:
            raise Fault("chain.administration", "another administration")
        if leaf.node != maker[4] or leaf.origin != maker[5]:
            raise Fault("chain.names", "another node or log")
        if self.record[5] > now + CLOCK_SKEW:
            raise Fault("record.future", "made after it is known to exist")
        if self.record[5] < leaf.not_before:
            raise Fault("chain.not-yet-valid", "made before its certificate")
        if self.record[5] > leaf.not_after:
            raise Fault("chain.expired", "made after its certificate")


P256_HALF_ORDER = 0x7FFFFFFF800000007FFFFFFFFFFFFFFFDE737D56D38BCF4279DCE5617E3192A8


def verify_signature(key, signature, message):
    """SIG-012."""
    try:
        if len(signature) != 64:
            raise InvalidSignature
        if isinstance(key, ed25519.Ed25519PublicKey):
            return key.verify(signature, message)
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        if s > P256_HALF_ORDER:
            raise InvalidSignature
        return key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Fault("signature.invalid", "the signature does not verify") from None
