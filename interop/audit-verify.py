#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Checks what everybody can of a Strongroom audit log: docs/audit-format.md is all it is written from.

    audit-verify.py log DIR [VERIFIER-KEY-FILE]     the lines, segments, tree and checkpoints
    audit-verify.py note NOTE VERIFIER-KEY-FILE     one checkpoint
    audit-verify.py inclusion NOTE KEY-FILE SEQ LINE-FILE PROOF-FILE
    audit-verify.py consistency OLD-NOTE NEW-NOTE KEY-FILE PROOF-FILE

A proof file holds hashes in base64, one a line, in the order of RFC 6962. Ends with 0 if all is well,
with 1 and the place if not. It needs Python and its package `cryptography`."""

import base64
import hashlib
import json
import pathlib
import re
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

DASH = "\u2014 "
ORDER = ["v", "seq", "time", "store", "who", "token", "session", "op", "key", "mechanism", "outcome",
         "details", "mac"]
MAY_BE_ABSENT = {"token", "session", "key", "mechanism", "details"}
LONGEST_LINE = 16384


class Bad(Exception):
    """What is wrong, and where."""


def check(holds, place, what):
    if not holds:
        raise Bad(f"{place}: {what}")


# ---- the tree: RFC 6962, section 2.1; RFC 9162, sections 2.1.3.2 and 2.1.4.2 ----


def leaf_hash(line):
    return hashlib.sha256(b"\x00" + line).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """Complete subtrees, largest first, as (leaves, root)."""

    def __init__(self):
        self.parts = []

    def add(self, leaf):
        self.parts.append((1, leaf))
        while len(self.parts) > 1 and self.parts[-1][0] == self.parts[-2][0]:
            (size, right), (_, left) = self.parts.pop(), self.parts.pop()
            self.parts.append((2 * size, node_hash(left, right)))

    def roots(self):
        return [root for _, root in self.parts]

    def size(self):
        return sum(size for size, _ in self.parts)

    def root(self):
        roots = self.roots()
        if not roots:
            return hashlib.sha256(b"").digest()
        whole = roots.pop()
        while roots:
            whole = node_hash(roots.pop(), whole)
        return whole


def root_by_inclusion(index, size, leaf, proof):
    """RFC 9162, section 2.1.3.2: the root that a path leads to."""
    check(0 <= index < size, "inclusion proof", f"there is no leaf {index} of {size}")
    fn, sn, root = index, size - 1, leaf
    for hash_ in proof:
        check(sn != 0, "inclusion proof", "it is too long")
        if fn & 1 or fn == sn:
            root = node_hash(hash_, root)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            root = node_hash(root, hash_)
        fn, sn = fn >> 1, sn >> 1
    check(sn == 0, "inclusion proof", "it is too short")
    return root


def check_consistency(old, old_root, new, new_root, proof):
    """RFC 9162, section 2.1.4.2."""
    place = "consistency proof"
    check(0 < old <= new, place, f"a tree of {old} does not become one of {new}")
    if old == new:
        check(not proof and old_root == new_root, place, "two roots of one size")
        return
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    check(path, place, "it is empty")
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for hash_ in path[1:]:
        check(sn != 0, place, "it is too long")
        if fn & 1 or fn == sn:
            fr, sr = node_hash(hash_, fr), node_hash(hash_, sr)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, hash_)
        fn, sn = fn >> 1, sn >> 1
    check(sn == 0, place, "it is too short")
    check(fr == old_root, place, "it does not lead to the older root")
    check(sr == new_root, place, "it does not lead to the newer root")


# ---- checkpoints: C2SP signed-note, tlog-checkpoint ----


def decode(text, place):
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise Bad(f"{place}: no base64") from None
    check(base64.b64encode(raw).decode() == text, place, "base64 with a second spelling")
    return raw


class Verifier:
    """A verifier key: name, hash, key."""

    def __init__(self, text, place):
        parts = text.strip().split("+", 2)
        check(len(parts) == 3, place, "no verifier key")
        self.name, self.hash = parts[0], parts[1]
        key = decode(parts[2], place)
        check(len(key) == 33 and key[0] == 1, place, "no Ed25519 key")
        expected = hashlib.sha256(self.name.encode() + b"\n" + key).digest()[:4]
        check(self.hash == expected.hex(), place, "its hash is another key's")
        self.key = Ed25519PublicKey.from_public_bytes(key[1:])

    def open(self, note, place):
        """The size and root that a note says, if this key signed it."""
        check("\n\n" in note and note.endswith("\n"), place, "no signed note")
        text, signatures = note.rsplit("\n\n", 1)
        text += "\n"
        signed = False
        for line in signatures[:-1].split("\n"):
            found = re.fullmatch(DASH + r"(\S+) (\S+)", line)
            check(found, place, "no line of a signature")
            name, signature = found.groups()
            signature = decode(signature, place)
            if name != self.name or signature[:4].hex() != self.hash:
                continue
            try:
                self.key.verify(signature[4:], text.encode())
            except InvalidSignature:
                raise Bad(f"{place}: the signature is not valid") from None
            signed = True
        check(signed, place, f"{self.name} did not sign it")
        lines = text.split("\n")
        check(len(lines) >= 4, place, "no checkpoint")
        check(lines[0] == self.name, place, "it is over another log")
        check(re.fullmatch(r"0|[1-9][0-9]*", lines[1]), place, "no size")
        root = decode(lines[2], place)
        check(len(root) == 32, place, "no root")
        return int(lines[1]), root


# ---- records ----


def parse(line, place):
    check(len(line) < LONGEST_LINE, place, "longer than a record")
    check(all(32 <= byte <= 126 for byte in line), place, "not printable ASCII")

    def pairs(items):
        names = [name for name, _ in items]
        check(len(set(names)) == len(names), place, "a field twice")
        return dict(items)

    try:
        record = json.loads(line, object_pairs_hook=pairs)
    except ValueError:
        raise Bad(f"{place}: no JSON") from None
    check(isinstance(record, dict), place, "no object")
    names = list(record)
    check(names == [name for name in ORDER if name in record], place, "fields out of order or unknown")
    check(set(ORDER) - set(names) <= MAY_BE_ABSENT, place, "a field is missing")
    check(record["v"] == 1, place, "another version")
    check(type(record["seq"]) is int, place, "no number")
    check(re.fullmatch(r"[0-9a-f]{64}", record["mac"]), place, "no code")
    check(re.fullmatch(r"[0-9a-f]{32}", record["store"]), place, "no store")
    check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", record["time"]), place, "no time")
    check(line.endswith(b',"mac":"' + record["mac"].encode() + b'"}'), place, "the code is not last")
    # One spelling: what is parsed is written again to the same bytes.
    again = json.dumps(record, separators=(",", ":"), ensure_ascii=True)
    again = again.replace("\x7f", "\\u007f")
    check(_same(again, line.decode()), place, "not written as records are")
    return record


def _same(again, line):
    """Python writes some control characters as \\n and the like, records as \\u000a."""
    short = {"\\b": "\\u0008", "\\f": "\\u000c", "\\n": "\\u000a", "\\r": "\\u000d", "\\t": "\\u0009"}
    return re.sub(r'\\["\\bfnrt]', lambda found: short.get(found[0], found[0]), again) == line


def segments(directory):
    found = sorted(directory.glob("*.jsonl"))
    check(found, directory, "no segments")
    for path in found:
        check(re.fullmatch(r"\d{20}", path.stem), path, "not a segment's name")
    return found


def lines_of(path):
    data = path.read_bytes()
    check(data.endswith(b"\n"), path, "the last line is not whole")
    return data[:-1].split(b"\n")


class Log:
    """A log as it is read: where it is, the tree, and what was said of checkpoints."""

    def __init__(self, store):
        self.store = store
        self.tree = Tree()
        self.seq = 0
        self.mac = "0" * 64
        self.time = ""
        self.roots = {}
        self.said = {}

    def take(self, line, place, first_of_segment):
        record = parse(line, place)
        details = record.get("details", {})
        check(record["seq"] == self.seq + 1, place, f"record {record['seq']} and not {self.seq + 1}")
        check(record["store"] == self.store, place, "of another store")
        check(record["time"] >= self.time or details.get("back", 0) > 0, place, "time went back unsaid")
        check((record["op"] == "audit.segment") == first_of_segment, place,
              "a segment begins with audit.segment, and nothing else does")
        if first_of_segment:
            check(details["previous"] == self.mac, place, "it does not follow the record before")
            check(details["tree"] == [root.hex() for root in self.tree.roots()], place, "another tree")
        if record["op"] in ("audit.segment", "audit.checkpoint"):
            check(details["size"] == self.seq, place, "another size")
            check(details["root"] == self.tree.root().hex(), place, "another root")
        if record["op"] == "audit.checkpoint":
            self.said[self.seq] = place
        if details.get("lost", 0) and record["outcome"] != "CKR_OK":
            raise Bad(f"{place}: {details['lost']} records were taken away before this one")
        if record["op"] == "audit.lost" and record["outcome"] != "CKR_OK":
            raise Bad(f"{place}: records before this one were written anew")
        if record["op"] == "audit.broken":
            raise Bad(f"{place}: the head was lost before this one: nobody knows what was lost with it")
        self.tree.add(leaf_hash(line))
        self.seq, self.mac, self.time = record["seq"], record["mac"], record["time"]
        return record


def check_log(directory, key_file):
    beside = directory / "verifier"
    trusted = pathlib.Path(key_file) if key_file else beside
    verifier = Verifier(trusted.read_text(), trusted)
    check(beside.read_text().strip() == trusted.read_text().strip(), beside, "not the key to believe")
    store = verifier.name.removeprefix("strongroom-audit/")
    signed = {}
    for path in sorted((directory / "checkpoints").iterdir()):
        if not re.fullmatch(r"\d{20}", path.name):
            continue
        size, root = verifier.open(path.read_text(), path)
        check(size == int(path.name), path, "it has another's name")
        signed[size] = root
    log = Log(store)
    good = 0
    for path in segments(directory):
        check(int(path.stem) == log.seq + 1, path, f"record {log.seq + 1} should begin it")
        for number, line in enumerate(lines_of(path), 1):
            place = f"{path}, line {number}"
            record = log.take(line, place, number == 1)
            if record["op"] in KEYS and "keys" in record["details"]:
                check_keys(directory, record, place)
            if log.seq in signed:
                check(signed[log.seq] == log.tree.root(), place,
                      f"records {good + 1} to {log.seq} are not those that were signed")
                good = log.seq
    for size in signed:
        check(size <= log.seq, directory / "checkpoints" / f"{size:020}", "the log is shorter")
    for size, place in log.said.items():
        check(size in signed, place, f"checkpoint {size} is missing")
    return f"records: {log.seq}, checkpoints: {len(signed)}, last good checkpoint: {good}"


# Which file of keys a record names.
KEYS = {
    "audit.begin": lambda seq: f"{1:020}.keys",
    "audit.renew": lambda seq: f"{seq + 1:020}.keys",
    "audit.broken": lambda seq: f"{seq:020}.broken",
}


def check_keys(directory, record, place):
    """The keys for the auditors are those that the record names."""
    path = directory / KEYS[record["op"]](record["seq"])
    check(path.is_file(), path, "missing")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    check(record["details"]["keys"] == found, path, f"not the file that {place} names")


# ---- the command ----


def opened(note, key):
    path = pathlib.Path(note)
    return Verifier(pathlib.Path(key).read_text(), key).open(path.read_text(), path)


def proof_of(path):
    lines = pathlib.Path(path).read_text().split()
    return [decode(line, path) for line in lines]


def main(arguments):
    match arguments:
        case ["log", directory]:
            return check_log(pathlib.Path(directory), None)
        case ["log", directory, key]:
            return check_log(pathlib.Path(directory), key)
        case ["note", note, key]:
            size, root = opened(note, key)
            return f"size: {size}, root: {root.hex()}"
        case ["inclusion", note, key, seq, line, proof]:
            size, root = opened(note, key)
            leaf = leaf_hash(pathlib.Path(line).read_bytes().removesuffix(b"\n"))
            found = root_by_inclusion(int(seq) - 1, size, leaf, proof_of(proof))
            check(found == root, proof, "it does not lead to the root")
            return f"record {seq} is in the log of {size}"
        case ["consistency", old, new, key, proof]:
            (old_size, old_root), (new_size, new_root) = opened(old, key), opened(new, key)
            check_consistency(old_size, old_root, new_size, new_root, proof_of(proof))
            return f"the log of {old_size} became the log of {new_size}"
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    try:
        print(main(sys.argv[1:]))
    except (Bad, OSError, KeyError, TypeError, UnicodeError) as error:
        print(f"audit-verify: {error}", file=sys.stderr)
        sys.exit(1)
