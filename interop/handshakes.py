#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Makes a fixed number of full TLS handshakes with a server on this machine, and counts the good ones.

    handshakes.py PORT CA_FILE COUNT [COMMAND...]

Each is a connection of its own: certificate and address verified, no session resumed, one page
fetched. They take turns: TLS 1.2 with an RSA certificate, TLS 1.2 with an EC one, TLS 1.3. When half
of them are made, COMMAND is run beside the rest. Ends with 0 if every one was good, COMMAND too.
"""

import collections
import socket
import ssl
import subprocess
import sys
import threading
import time

THREADS = 8
SECONDS_ALLOWED = 900
REQUEST = b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"


def main():
    port, ca_file, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    run = Run(port, contexts(ca_file), count, sys.argv[4:])
    started = time.monotonic()
    threads = [threading.Thread(target=run.work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.report(time.monotonic() - started)
    return 0 if run.good == count and run.command_code == 0 else 1


def contexts(ca_file):
    """One a kind of handshake. Sessions are not kept, so each handshake is a full one."""
    kinds = []
    for version, ciphers in (
        (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-GCM-SHA256"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (ssl.TLSVersion.TLSv1_3, None),
    ):
        context = ssl.create_default_context(cafile=ca_file)
        context.minimum_version = context.maximum_version = version
        if ciphers:
            context.set_ciphers(ciphers)
        kinds.append(context)
    return kinds


class Run:
    def __init__(self, port, kinds, count, command):
        self.port, self.kinds, self.count, self.command = port, kinds, count, command
        self.lock = threading.Lock()
        self.next = 0
        self.good = 0
        self.bad = collections.Counter()
        self.seen = collections.Counter()
        self.command_code = 0
        self.deadline = time.monotonic() + SECONDS_ALLOWED

    def work(self):
        while (number := self.take()) is not None:
            if self.command and number == self.count // 2:
                self.command_code = subprocess.run(self.command, timeout=120).returncode
            try:
                kind = self.handshake(self.kinds[number % len(self.kinds)])
            except (OSError, ValueError) as error:
                with self.lock:
                    self.bad[f"{type(error).__name__}: {error}"] += 1
            else:
                with self.lock:
                    self.good += 1
                    self.seen[kind] += 1

    def take(self):
        with self.lock:
            if self.next == self.count or time.monotonic() > self.deadline:
                return None
            self.next += 1
            return self.next - 1

    def handshake(self, context):
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as secure:
                if secure.session_reused:
                    raise ValueError("the session was resumed")
                secure.sendall(REQUEST)
                answer = b""
                while part := secure.recv(4096):
                    answer += part
                if not answer.startswith(b"HTTP/1.1 200"):
                    raise ValueError(f"no page, but {answer[:40]!r}")
                return f"{secure.version()} {secure.cipher()[0]}"

    def report(self, seconds):
        for kind, times in sorted(self.seen.items()):
            print(f"   {times} of {kind}")
        for error, times in self.bad.items():
            print(f"   {times} failed: {error}")
        if self.command_code != 0:
            print(f"   {' '.join(self.command)} ended with {self.command_code}")
        print(f"   {self.good} of {self.count} handshakes good, {self.good / seconds:.0f} a second")


if __name__ == "__main__":
    sys.exit(main())
