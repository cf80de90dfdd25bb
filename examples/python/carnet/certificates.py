"""Certificates, in outline (chapter 06): enough to lead a signature to a pinned root. Revocation lists are not read."""

import re

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from .cbor import Fault

MAX_CHAIN, MAX_CERTIFICATE = 4, 4_096

LOG_PURPOSE = bytes.fromhex("6981b0b2e8dacff2dab3bda5f4cfe1b8b9c1c92201")
PURPOSES = {
    "record": bytes.fromhex("300a06082b06010505070324"),
    "log": b"\x30" + bytes([len(LOG_PURPOSE) + 2]) + b"\x06" + bytes([len(LOG_PURPOSE)]) + LOG_PURPOSE,
}


def tlv(der, at=0):
    """One DER element: tag, contents, and where the next begins."""
    tag, length, at = der[at], der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, at = int.from_bytes(der[at : at + count], "big"), at + count
    return tag, der[at : at + length], at + length


def extensions(der):
    """Extensions by the bytes of their object identifier, for the long arc that libraries cannot read."""
    found, at = {}, 0
    tbs = tlv(tlv(der)[1])[1]
    while at < len(tbs):
        tag, body, at = tlv(tbs, at)
        if tag == 0xA3:
            entries, inner = tlv(body)[1], 0
            while inner < len(entries):
                _, entry, inner = tlv(entries, inner)
                _, oid, after = tlv(entry)
                while after < len(entry):
                    tag, value, after = tlv(entry, after)
                found[oid] = value
    return found


KEY_USAGE, BASIC, PURPOSE, ALT_NAMES = (bytes([0x55, 0x1D, n]) for n in (15, 19, 37, 17))


class Certificate:
    def __init__(self, der):
        try:
            self.der, self.x509 = der, x509.load_der_x509_certificate(der)
            self.extensions = extensions(der)
            self.key = self.x509.public_key()
            self.issuer_name, self.subject_name = self.x509.issuer.public_bytes(), self.x509.subject.public_bytes()
            attributes = {a.oid.dotted_string: a.value for a in self.x509.subject}
            self.not_before = int(self.x509.not_valid_before_utc.timestamp())
            self.not_after = int(self.x509.not_valid_after_utc.timestamp())
            self.hash = self.x509.signature_hash_algorithm
        except (ValueError, TypeError, IndexError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
            raise Fault("chain.malformed", str(error)) from None
        self.country, self.node = attributes.get("2.5.4.6"), attributes.get("2.5.4.3")
        match = re.search(rb"\x86.carnet:log:([A-Za-z0-9._/:-]+)", self.extensions.get(ALT_NAMES, b""), re.S)
        self.origin = match and match.group(1).decode()

    def is_authority(self):
        ours = self.extensions.get(BASIC, b"")
        return ours[2:5] == b"\x01\x01\xff" and self.extensions.get(KEY_USAGE) == b"\x03\x02\x01\x06"

    def issued(self, other):
        try:
            if isinstance(self.key, ed25519.Ed25519PublicKey):
                self.key.verify(other.x509.signature, other.x509.tbs_certificate_bytes)
            else:
                self.key.verify(other.x509.signature, other.x509.tbs_certificate_bytes, ec.ECDSA(other.hash))
        except (InvalidSignature, TypeError, AttributeError):
            raise Fault("chain.untrusted", "a signature on the way does not hold") from None


def read_root(der):
    """PKI-016: an authority that issued itself. That it is the right one, only its fingerprint can say."""
    root = Certificate(der)
    if not root.is_authority():
        raise Fault("chain.malformed", "not an authority's certificate")
    if root.issuer_name != root.subject_name:
        raise Fault("chain.untrusted", "the root is not self-issued")
    root.issued(root)
    return root


def judge_chain(chain, root, role, now):
    """PKI-040 in its order, for the two roles that a package needs; revocation lists are not read here."""
    if not chain:
        raise Fault("chain.empty", "no certificate")
    if len(chain) > MAX_CHAIN or any(len(der) > MAX_CERTIFICATE for der in chain):
        raise Fault("chain.too-long", "the chain is beyond its limits")
    if chain[-1] == root.der and len(chain) > 1:
        chain = chain[:-1]
    elif len(chain) == MAX_CHAIN:
        raise Fault("chain.too-long", "more than three certificates below the root")
    certificates = [Certificate(der) for der in chain]
    leaf, issuers = certificates[0], certificates[1:]
    if leaf.is_authority() or not all(issuer.is_authority() for issuer in issuers):
        raise Fault("chain.malformed", "an authority where none belongs, or none where one does")
    if leaf.node is None or any(c.country is None for c in certificates):
        raise Fault("chain.names", "a name is missing")
    if leaf.extensions.get(PURPOSE) != PURPOSES[role] or leaf.extensions.get(KEY_USAGE) != b"\x03\x02\x07\x80":
        raise Fault("chain.usage", "the certificate is for another use")
    if leaf.origin is None:
        raise Fault("chain.names", "no log is named")
    if any(c.country != root.country for c in certificates):
        raise Fault("chain.administration", "another administration than the root's")
    for certificate, issuer in zip(certificates, issuers + [root]):
        if certificate.issuer_name != issuer.subject_name:
            raise Fault("chain.untrusted", "not issued by the next")
    for certificate, issuer in zip(certificates, issuers + [root]):
        issuer.issued(certificate)
    for certificate in certificates + [root]:
        if now < certificate.not_before:
            raise Fault("chain.not-yet-valid", "a certificate is not valid yet")
    for certificate in certificates + [root]:
        if now > certificate.not_after:
            raise Fault("chain.expired", "a certificate has expired")
    return leaf
