"""Checkpoints and inclusion proofs (chapter 03)."""

import base64
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from .cbor import Fault, cbor, sha256
from .certificates import judge_chain
from .shapes import U64, is_digest, is_origin, list_of, map_of

MAX_PROOF, MAX_NOTE, MAX_NOTE_SIGNATURES = 64, 131_072, 32


def root_from_path(leaf, index, size, path):
    """RFC 9162, section 2.1.3.2."""
    if index >= size:
        return None
    node, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if node & 1 or node == last:
            root = sha256(b"\x01", sibling, root)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            root = sha256(b"\x01", root, sibling)
        node, last = node >> 1, last >> 1
    return root if last == 0 else None


def unbase64(text):
    """Padded, and in its one spelling: unused bits are zero."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("another spelling of the same bytes")
    return data


def open_note(note, origin, key):
    """LOG-010 to LOG-013, and LOG-020 steps 4 to 6."""

    def wrong(what):
        return Fault("log.checkpoint", what)

    if len(note) > MAX_NOTE:
        raise wrong("the note is too long")
    try:
        text = note.decode("utf-8")
    except UnicodeDecodeError:
        raise wrong("not UTF-8") from None
    if any(c < " " and c != "\n" for c in text) or "\n\n" not in text or not text.endswith("\n"):
        raise wrong("not a signed note")
    at = text.rfind("\n\n")
    body, lines = text[: at + 1], text[at + 2 : -1].split("\n")
    if len(lines) > MAX_NOTE_SIGNATURES:
        raise wrong("too many signatures")
    signatures = []
    for line in lines:
        match = re.fullmatch("\u2014 ([^\\s+]+) ([A-Za-z0-9+/]+=*)", line)
        try:
            blob = unbase64(match.group(2))
        except (AttributeError, ValueError):
            raise wrong("a malformed signature line") from None
        if len(blob) <= 4:
            raise wrong("a short signature line")
        signatures.append((match.group(1), blob[:4], blob[4:]))
    fields = body.split("\n")
    if len(fields) < 4:
        raise wrong("a checkpoint has three lines")
    name, size, root = fields[:3]
    if "" in fields[3:-1]:
        raise wrong("an empty line")
    if not is_origin(name):
        raise wrong("origin")
    if not re.fullmatch(r"0|[1-9][0-9]*", size) or int(size) >= 1 << 64:
        raise wrong("size")
    try:
        root = unbase64(root)
    except ValueError:
        raise wrong("root") from None
    if len(root) != 32:
        raise wrong("root")
    if name != origin:
        raise Fault("log.origin", "the checkpoint is of another log")
    public = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    key_id = sha256(name.encode(), b"\n\x01", public)[:4]
    ours = [signature for key_name, number, signature in signatures if (key_name, number) == (name, key_id)]
    if not ours:
        raise Fault("log.signature", "not signed by the log's key")
    for signature in ours:
        try:
            key.verify(signature, body.encode())
        except InvalidSignature:
            raise Fault("log.signature", "the note's signature does not verify") from None
    return int(size), root


def check_proof(signed, proof, log_keys, root, now):
    """LOG-020. Of the package's log keys, the one that is certified for the record's log."""
    proof = cbor(proof)
    if not map_of({1: U64, 2: list_of(is_digest), 3: lambda v: isinstance(v, bytes)})(proof) or len(proof[2]) > MAX_PROOF:
        raise Fault("log.inclusion", "not a log proof")
    origin, leaf, first = signed.record[4][5], None, None
    for chain in log_keys:
        try:
            candidate = judge_chain(chain, root, "log", now)
        except Fault as fault:
            first = first or fault
            continue
        if candidate.origin == origin:
            leaf = candidate
    if leaf is None:
        raise first or Fault("log.origin", "no key of the record's log")
    if not isinstance(leaf.key, ed25519.Ed25519PublicKey):
        raise Fault("log.signature", "the log's key is not Ed25519")
    size, tree = open_note(proof[3], origin, leaf.key)
    if root_from_path(sha256(b"\x00", signed.entry), proof[1], size, proof[2]) != tree:
        raise Fault("log.inclusion", "the path does not lead to the root")
    return {"index": proof[1], "size": size}
