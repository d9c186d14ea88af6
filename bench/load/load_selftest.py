#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""load_selftest - shows that icap_load counts right answers and reports every kind of wrong one.

A small server of this file gives back what it is sent; each case breaks one thing. The good cases must end with exit code 0
and no error, the broken ones with exit code 1, no counted request and the named error.

usage: load_selftest.py PATH/TO/icap_load
"""
import json
import socket
import subprocess
import sys
import threading
import types

BODY_LEN = 3000
ISTAG = b'ISTag: "selftest"\r\n'


class Gone(Exception):
    """The client has closed."""


class Reader:
    """Reads one request from a socket."""

    def __init__(self, sock):
        self.sock = sock
        self.data = b""

    def more(self):
        part = self.sock.recv(65536)
        if not part:
            raise Gone
        self.data += part

    def until(self, mark):
        while mark not in self.data:
            self.more()
        end = self.data.index(mark) + len(mark)
        taken, self.data = self.data[:end], self.data[end:]
        return taken

    def exactly(self, count):
        while len(self.data) < count:
            self.more()
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def chunks(self):
        """The body up to its last chunk, and whether that said ieof."""
        body = b""
        while True:
            line = self.until(b"\r\n")
            size = int(line.split(b";")[0], 16)
            if size == 0:
                self.exactly(2)
                return body, b"ieof" in line
            body += self.exactly(size)
            self.exactly(2)


def headers_of(head):
    lines = head.decode().split("\r\n")[1:]
    return {line.split(":")[0].lower(): line.split(":", 1)[1].strip() for line in lines if ":" in line}


def chunked(body, size=1000):
    parts = [body[i:i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"


def icap(status, *lines):
    return b"ICAP/1.0 " + status + b"\r\n" + ISTAG + b"".join(x + b"\r\n" for x in lines) + b"\r\n"


def echo(http, body, kind=b"res"):
    if not body:
        return icap(b"200 OK", b"Encapsulated: %s-hdr=0, null-body=%d" % (kind, len(http))) + http
    return icap(b"200 OK", b"Encapsulated: %s-hdr=0, %s-body=%d" % (kind, kind, len(http))) + http + chunked(body)


# The ways to be wrong: name -> what is sent instead of the right answer.
def change(body, at):
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1:]


BROKEN = {
    "wrong last byte": ("body", lambda h, b: echo(h, change(b, len(b) - 1))),
    "wrong first byte": ("body", lambda h, b: echo(h, change(b, 0))),
    "chunks in another order": ("body", lambda h, b: echo(h, b[1000:2000] + b[:1000] + b[2000:])),
    "body cut at a chunk": ("body_short", lambda h, b: echo(h, b[:-10])),
    "body missing": ("encapsulated", lambda h, b: echo(h, b"")),
    "body too long": ("body_long", lambda h, b: echo(h, b + b"x")),
    "closed in the body": ("eof", lambda h, b: echo(h, b)[:-100]),
    "closed before the last chunk": ("eof", lambda h, b: echo(h, b)[:-5]),
    "closed in the last line": ("eof", lambda h, b: echo(h, b)[:-1]),
    "closed in the head": ("eof", lambda h, b: echo(h, b)[:20]),
    "closed at once": ("eof", lambda h, b: b""),
    "chunk size lies": ("chunk", lambda h, b: echo(h, b).replace(b"3e8\r\n", b"3e7\r\n", 1)),
    "chunk size is no number": ("chunk", lambda h, b: echo(h, b).replace(b"3e8\r\n", b"3g8\r\n", 1)),
    "bare line feed after a size": ("chunk", lambda h, b: echo(h, b).replace(b"3e8\r\n", b"3e8\n", 1)),
    "other HTTP status": ("http_head", lambda h, b: echo(h.replace(b"200 OK", b"404 No"), b)),
    "an HTTP header lost": ("http_head", lambda h, b: echo(h.replace(b"Server: origin\r\n", b""), b)),
    "Encapsulated too small": ("http_head", lambda h, b: echo(h, b).replace(
        b"res-body=%d" % len(h), b"res-body=%d" % (len(h) - 2))),
    "Encapsulated is no list": ("encapsulated", lambda h, b: echo(h, b).replace(b"res-hdr=0", b"res-hdr")),
    "unknown section": ("encapsulated", lambda h, b: echo(h, b).replace(b"res-hdr=0", b"xyz-hdr=0")),
    "no Encapsulated": ("head", lambda h, b: icap(b"200 OK")),
    "no ISTag": ("head", lambda h, b: echo(h, b).replace(ISTAG, b"")),
    "header without colon": ("head", lambda h, b: echo(h, b).replace(ISTAG, ISTAG + b"nonsense\r\n")),
    "bare line feeds in the head": ("head", lambda h, b: echo(h, b).replace(ISTAG, ISTAG[:-2] + b"\n")),
    "HTTP instead of ICAP": ("status_line", lambda h, b: echo(h, b).replace(b"ICAP/1.0", b"HTTP/1.1", 1)),
    "no number in the status": ("status_line", lambda h, b: echo(h, b).replace(b"1.0 200", b"1.0 2x0", 1)),
    "status 204 without leave": ("status", lambda h, b: icap(b"204 No modifications needed")),
    "status 500": ("status", lambda h, b: icap(b"500 Server Error", b"Encapsulated: null-body=0")),
    "status 201": ("status", lambda h, b: echo(h, b).replace(b"200 OK", b"201 Made", 1)),
    "100 that nothing asked for": ("continue", lambda h, b: b"ICAP/1.0 100 Continue\r\n\r\n" + echo(h, b)),
    "a finding in a clean body": ("finding", lambda h, b: echo(h, b).replace(
        ISTAG, ISTAG + b"X-Infection-Found: Type=0; Resolution=0; Threat=T;\r\n")),
    "the answer twice": ("excess", lambda h, b: echo(h, b) + echo(h, b)),
    "one byte too many": ("excess", lambda h, b: echo(h, b) + b"\n"),
}


class Server:
    """Answers each request with answer(http head, body)."""

    def __init__(self, answer, mode="keep"):
        self.answer = answer
        self.mode = mode
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            reader = Reader(sock)
            while self.one(sock, reader):
                pass
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
        except (Gone, OSError):
            pass
        finally:
            sock.close()

    def one(self, sock, reader):
        """One request; false when the connection is to be closed."""
        head = reader.until(b"\r\n\r\n")
        fields = headers_of(head)
        if head.startswith(b"OPTIONS"):
            sock.sendall(icap(b"200 OK", b"Methods: RESPMOD", b"Encapsulated: null-body=0"))
            return True
        sections = [s.strip().split("=") for s in fields["encapsulated"].split(",")]
        offsets = [int(s[1]) for s in sections]
        http = reader.exactly(offsets[-1])[offsets[-2]:]
        body = b""
        if sections[-1][0] != "null-body":
            if self.mode == "early":
                sock.sendall(self.answer(http, b""))
            body, ieof = reader.chunks()
            if "preview" in fields and not ieof and self.mode != "preview204":
                sock.sendall(b"ICAP/1.0 100 Continue\r\n\r\n")
                body += reader.chunks()[0]
        if self.mode == "mute":
            reader.more()
        if self.mode == "early":
            return True
        reply = self.answer(http, body)
        if self.mode == "drip":
            for i in range(len(reply)):
                sock.sendall(reply[i:i + 1])
        else:
            sock.sendall(reply)
        return self.mode != "close"


def run(load, server, *args):
    command = [load, "--to", "127.0.0.1:%d" % server.port, "--json", "--connections", "2", "--warmup", "0", *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout), done.stderr


def expect(name, good, detail):
    print("%s %s" % ("ok  " if good else "FAIL", name) + ("" if good else ": %s" % (detail,)))
    return good


def no_content(http, body):
    return icap(b"204 No modifications needed")


def finding(http, body):
    page = b"<html>blocked</html>"
    head = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n" % len(page)
    return icap(b"200 OK", b"X-Infection-Found: Type=0; Resolution=2; Threat=T;",
                b"Encapsulated: res-hdr=0, res-body=%d" % len(head)) + head + chunked(page)


def with_via(http, body):
    return echo(http[:-2] + b"Via: 1.0 selftest\r\n\r\n", body)


def with_trailer(http, body):
    return echo(http, body)[:-2] + b"X-Trailer: 1\r\n\r\n"


def with_close(http, body):
    return echo(http, body).replace(ISTAG, ISTAG + b"Connection: close\r\n")


def good_cases(load):
    size = ("--body-size", str(BODY_LEN))
    big = ("--body-size", "300k", "--body", "random")
    cases = [
        ("echo", Server(echo), size, "200"),
        ("echo of a large body", Server(echo), big, "200"),
        ("echo of a request", Server(lambda h, b: echo(h, b, b"req")), ("--method", "REQMOD") + size, "200"),
        ("request without a body", Server(lambda h, b: echo(h, b, b"req")),
         ("--method", "REQMOD", "--body-size", "0"), "200"),
        ("echo, one byte at a time", Server(echo, "drip"), ("--body-size", "100"), "200"),
        ("echo with a line more", Server(with_via), size, "200"),
        ("echo with a trailer", Server(with_trailer), size, "200"),
        ("echo, server closes", Server(with_close, "close"), size, "200"),
        ("echo, client closes", Server(with_close, "close"), size + ("--close",), "200"),
        ("204", Server(no_content), size + ("--allow-204",), "204"),
        ("204 early", Server(no_content, "early"), big + ("--allow-204",), "204"),
        ("100 and the rest", Server(echo), size + ("--preview", "1024"), "200"),
        ("empty preview", Server(echo), size + ("--preview", "0"), "200"),
        ("preview is everything", Server(echo), size + ("--preview", "4096"), "200"),
        ("204 after the preview", Server(no_content, "preview204"), size + ("--preview", "1024"), "204"),
        ("finding", Server(finding), size + ("--expect", "found"), "200"),
        ("OPTIONS", Server(echo), ("--method", "OPTIONS"), "200"),
    ]
    passed = True
    for name, server, args, code in cases:
        status, report, errors = run(load, server, "--requests", "20", *args)
        good = (status == 0 and report["requests"] >= 20 and report["errors_total"] == 0
                and set(report["answers"]) == {code})
        continues = name in ("100 and the rest", "empty preview")
        good = good and (report["continues"] > 0) == continues
        passed &= expect(name, good, (status, report, errors))
    return passed


def broken_cases(load):
    passed = True
    for name, (error, answer) in BROKEN.items():
        server = Server(answer, "close")
        status, report, errors = run(load, server, "--duration", "0.15", "--body-size", str(BODY_LEN))
        # An answer that is right so far and has something behind it may be counted before the rest is seen.
        counted = report["requests"] if error != "excess" else 0
        good = status == 1 and counted == 0 and set(report["errors"]) == {error} and error + ":" in errors
        passed &= expect(name, good, (status, report, errors))
    return passed


def other_cases(load):
    passed = True
    mute = run(load, Server(echo, "mute"), "--duration", "0.1", "--timeout", "0.2")
    passed &= expect("no answer", mute[0] == 1 and mute[1]["errors"].get("timeout", 0) >= 2, mute)
    clean = run(load, Server(echo), "--duration", "0.1", "--expect", "found")
    passed &= expect("no finding where one is due", clean[0] == 1 and set(clean[1]["errors"]) == {"finding"}, clean)
    held = run(load, Server(echo), "--duration", "0.1", "--timeout", "0.2", "--close")
    passed &= expect("not closed when asked", held[0] == 1 and set(held[1]["errors"]) == {"timeout"}, held)
    # Bound, so that nobody else takes the port, and never listening.
    silent = types.SimpleNamespace(socket=socket.socket())
    silent.socket.bind(("127.0.0.1", 0))
    silent.port = silent.socket.getsockname()[1]
    refused = run(load, silent, "--duration", "0.1")
    passed &= expect("nobody listens", refused[0] == 1 and set(refused[1]["errors"]) == {"connect"}, refused)
    return passed


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    load = sys.argv[1]
    results = [good_cases(load), broken_cases(load), other_cases(load)]
    sys.exit(0 if all(results) else 1)


main()
