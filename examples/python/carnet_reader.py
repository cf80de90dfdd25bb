#!/usr/bin/env python3
"""A second reader of Carnet packages, after the text of spec/.

    carnet_reader.py PACKAGE --root ROOT.der [--at SECONDS]

Prints one JSON object. Exit code: 0 everything verifies, 1 something does not, 2 it could not be run.
It shares no code with the Rust implementation; where the two disagree, one of them or the text is wrong.
Only the signatures and the reading of X.509 come from a library (pyca/cryptography).
"""

import argparse
import json
import sys
import time

from carnet.cbor import Fault
from carnet.certificates import MAX_CERTIFICATE, read_root
from carnet.log import check_proof
from carnet.package import Package
from carnet.record import check_openings


def verify_package(package, root, now):
    out = []
    for signed, openings, proof, payloads in package.records:
        record = signed.record
        entry = {
            "record": signed.id.hex(),
            "kind": record[2],
            "inspection": record[3],
            "administration": record[4][0],
            "made": record[5],
            "releasable_to": record[8][1],
            "payloads": [{"index": index, "size": size} for index, size, _ in payloads],
            "status": "verified",
        }
        try:
            signed.verify(root, now)
            entry["openings"] = check_openings(record[10], openings)
            entry["log"] = check_proof(signed, proof, package.log_keys, root, now)
            if not all(flat for _, _, flat in payloads):
                raise Fault("payload.digest", "the flat digest is another one")
        except Fault as fault:
            entry |= {"status": "refused", "reason": fault.code, "detail": fault.detail}
        out.append(entry)
    return out


def main():
    parser = argparse.ArgumentParser(description="Reads and verifies a Carnet package.")
    parser.add_argument("package")
    parser.add_argument("--root", required=True, help="the pinned root certificate, DER")
    parser.add_argument("--at", type=int, default=int(time.time()), help="seconds since 1970: when it is known to exist (now)")
    arguments = parser.parse_args()
    try:
        with open(arguments.root, "rb") as file:
            root = read_root(file.read(MAX_CERTIFICATE + 1))
        source = open(arguments.package, "rb")
    except (OSError, Fault) as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 2
    with source:
        try:
            package = Package(source)
        except Fault as fault:
            print(json.dumps({"status": "refused", "reason": fault.code, "at": fault.at, "detail": fault.detail}))
            return 1
    records = verify_package(package, root, arguments.at)
    good = all(record["status"] == "verified" for record in records)
    print(json.dumps({"status": "verified" if good else "refused", "records": records}, ensure_ascii=False))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
