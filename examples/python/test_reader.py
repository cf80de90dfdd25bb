"""The second reader against the examples of spec/: python3 -m unittest, in this folder, with requirements.txt installed."""

import hashlib
import io
import json
import pathlib
import re
import subprocess
import sys
import unittest

import carnet_reader
from carnet.cbor import Fault, cbor
from carnet.certificates import read_root
from carnet.log import check_proof
from carnet.package import CHUNK_LIST, TRAILER, Package
from carnet.record import check_openings

HERE = pathlib.Path(__file__).parent
SPEC = HERE.parent.parent / "spec"
NOW = 1_800_000_000
PACKAGE = (SPEC / "examples" / "minimal.uff").read_bytes()
ROOT = read_root((SPEC / "examples" / "root.der").read_bytes())


def judge(data):
    """The first fault: (reason, place, whether the place is exact), or None."""
    try:
        package = Package(io.BytesIO(data))
        for signed, openings, proof, _ in package.records:
            signed.verify(ROOT, NOW)
            check_openings(signed.record[10], openings)
            check_proof(signed, proof, package.log_keys, ROOT, NOW)
    except Fault as fault:
        return fault.code, fault.at, not hasattr(fault, "inexact")
    return None


def mended(data):
    """The frames before the chunk list, behind them a right trailer for one record."""
    digest = hashlib.sha256(data).digest()
    body = b"\xa3\x01\x01\x02\x00\x03\x58\x20" + digest
    return data + bytes([TRAILER]) + len(body).to_bytes(4, "big") + body


class Examples(unittest.TestCase):
    def test_the_package_verifies(self):
        self.assertIsNone(judge(PACKAGE))
        ran = subprocess.run(
            [sys.executable, HERE / "carnet_reader.py", SPEC / "examples" / "minimal.uff"]
            + ["--root", SPEC / "examples" / "root.der", "--at", str(NOW)],
            capture_output=True,
            check=False,
        )
        self.assertEqual(ran.returncode, 0, ran.stderr)
        found = json.loads(ran.stdout)
        self.assertEqual((found["status"], found["records"][0]["log"]), ("verified", {"index": 1, "size": 3}))

    def test_it_is_refused_at_another_time_and_under_another_root(self):
        package = Package(io.BytesIO(PACKAGE))
        for now, reason in ((NOW - 3_601, "record.future"), (NOW + 10**9, "chain.expired"), (10**9, "chain.not-yet-valid")):
            self.assertEqual(carnet_reader.verify_package(package, ROOT, now)[0]["reason"], reason)
        with self.assertRaises(Fault):
            read_root(package.log_keys[0][1])

    def test_every_item_has_the_verdict_of_the_text(self):
        chapter = (SPEC / "01-record.md").read_text()
        rows = re.findall(r"^\| `([0-9a-f ]+)` \| (.+) \|$", chapter.split("| bytes | verdict |")[1].split("\n\n")[0], re.M)
        self.assertGreater(len(rows), 20)
        for data, verdict in rows:
            try:
                cbor(bytes.fromhex(data))
                found = "good"
            except Fault as fault:
                found = f"`{fault.code}`"
            self.assertEqual(found, verdict, data)

    def test_cut_anywhere(self):
        for cut in range(0, len(PACKAGE), 7):
            self.assertIn(judge(PACKAGE[:cut])[0], ("package.header", "package.truncated"))
        self.assertEqual(judge(PACKAGE + b"\x00")[:2], ("package.trailer", len(PACKAGE)))

    def test_one_changed_bit_has_the_reason_and_place_that_the_other_implementation_gives(self):
        kept, chunk_list = 0, None
        while chunk_list is None:
            if PACKAGE[kept] == CHUNK_LIST:
                chunk_list = kept
            kept += 5 + int.from_bytes(PACKAGE[kept + 1 : kept + 5], "big")
        differences = []
        for line in (SPEC / "examples" / "faults.tsv").read_text().splitlines():
            if line.startswith("#"):
                continue
            package, byte, bit, reason, place = line.split("\t")
            data = bytearray(PACKAGE if package == "whole" else PACKAGE[:chunk_list])
            data[int(byte)] ^= 1 << int(bit)
            found = judge(bytes(data) if package == "whole" else mended(bytes(data)))
            # This reader knows the certificate profile only in outline: that the chain is at fault is enough.
            same = found is not None and (found[0] == reason or (found[0].startswith("chain.") and reason.startswith("chain.")))
            if same and found[2] and place != "-" and found[1] is not None:
                same = found[1] == int(place)
            if not same:
                differences.append((line, found))
        self.assertEqual(differences, [], f"{len(differences)} differ")


if __name__ == "__main__":
    unittest.main()
