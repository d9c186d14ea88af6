# SPDX-License-Identifier: MIT
"""wire - the dialogue runner's own ICAP reader and writer.

Role: speaks and checks bytes for the test clients. It shares nothing with net/wire, so that no bug can hide by being
on both sides. The reader is strict on purpose: every rule of framing that a client could stumble over is an error here.
"""

import calendar
import hashlib
import re
import select
import socket
import time

BODY_KEEP = 1 << 20  # Bytes of a body kept as text; the digest covers all of it.
DATE = re.compile(r'(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) '
                  r'\d{4} \d\d:\d\d:\d\d GMT$')
DATE_SLACK_SECONDS = 30
KNOWN_SERVICES = ('AVSCANREQ', 'AVSCANRESP', 'AVSCAN', 'SYMCSCANREQ-AV', 'SYMCSCANREQ-URL', 'SYMCSCANREQ-AV-URL',
                  'SYMCSCANRESP-AV', 'SYMCSCANRESP-DDR', 'SYMCSCANRESP-AV-DDR', 'ECHO', 'EX206')
REPEATABLE = ('x-allow-out',)
SERVICE_ID_STATUS = (200, 201, 204, 206, 403, 405, 502, 551, 558)
ENCAPSULATED_STATUS = (200, 201, 206, 403)
LEGAL_SECTIONS = {
    'OPTIONS': (['null-body'], ['opt-body']),
    'REQMOD': (['req-hdr', 'req-body'], ['req-hdr', 'null-body'], ['res-hdr', 'res-body'], ['res-hdr', 'null-body'],
               ['req-body'], ['null-body']),
    'RESPMOD': (['res-hdr', 'res-body'], ['res-hdr', 'null-body'], ['res-body'], ['null-body']),
    'FILEMOD': (['null-body'],),
}


class WireError(Exception):
    """The peer broke a rule, went away, or was silent."""


class Head:
    """A start line and its headers, with the exact bytes."""

    def __init__(self, raw):
        self.raw = raw
        lines = raw.split('\r\n')
        if lines[-2:] != ['', '']:
            raise WireError('head does not end with a blank line: %r' % raw[-40:])
        self.line = lines[0]
        self.headers = []
        for line in lines[1:-2]:
            if '\n' in line or '\r' in line or '\0' in line:
                raise WireError('control character in header line %r' % line)
            if line[:1] in (' ', '\t'):
                if not self.headers:
                    raise WireError('folded line before any header: %r' % line)
                self.headers[-1][1] += '\r\n' + line
                continue
            name, colon, value = line.partition(':')
            if not colon or not re.match(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+$", name):
                raise WireError('no header line: %r' % line)
            self.headers.append([name, value.strip(' \t')])

    def every(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name):
        values = self.every(name)
        return ', '.join(values) if values else None

    @property
    def names(self):
        return ','.join(name for name, _ in self.headers)


class Body:
    """What came in chunks."""

    def __init__(self):
        self.sha = hashlib.sha256()
        self.size = 0
        self.text = b''
        self.chunk_sizes = []
        self.last_extension = ''
        self.trailer = None
        self.is_cut = False

    def add(self, data):
        self.sha.update(data)
        self.size += len(data)
        if len(self.text) < BODY_KEEP:
            self.text += data[:BODY_KEEP - len(self.text)]


class Response:
    def __init__(self, head):
        self.icap = head
        self.status = 0
        self.reason = ''
        self.sections = []
        self.http = None
        self.http_kind = ''
        self.body = None
        self.first_byte_seconds = 0.0
        self.seconds = 0.0


class Reader:
    """Takes exact pieces from a socket; remembers what came beyond them."""

    def __init__(self, sock, log):
        self.sock = sock
        self.log = log
        self.buf = bytearray()
        self.at_eof = False

    def _fill(self, deadline):
        if self.at_eof:
            raise WireError('connection closed by the engine')
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.sock], [], [], left)[0]:
            raise WireError('timeout, after %r' % bytes(self.buf[:200]))
        try:
            data = self.sock.recv(262144)
        except ConnectionResetError:
            self.at_eof = True
            raise WireError('connection reset by the engine')
        if not data:
            self.at_eof = True
            raise WireError('connection closed by the engine, after %r' % bytes(self.buf[:200]))
        self.log.bytes('<', data)
        self.buf += data

    def poll(self, seconds):
        """Reads what comes within the time; true when there is something, or the end."""
        return bool(self.buf) or self.poll_more(seconds)

    def poll_more(self, seconds):
        """The same for bytes beyond those that are there."""
        if self.at_eof:
            return True
        try:
            self._fill(time.monotonic() + seconds)
        except WireError:
            return self.at_eof
        return True

    def until_blank_line(self, deadline):
        scanned = 0
        while True:
            at = self.buf.find(b'\r\n\r\n', max(0, scanned - 3))
            if at >= 0:
                return self.take(at + 4)
            scanned = len(self.buf)
            self._fill(deadline)

    def line(self, deadline):
        while True:
            at = self.buf.find(b'\n')
            if at >= 0:
                raw = self.take(at + 1)
                if not raw.endswith(b'\r\n'):
                    raise WireError('line ends with a bare LF: %r' % raw)
                return raw[:-2].decode('latin-1')
            if len(self.buf) > 65536:
                raise WireError('endless line')
            self._fill(deadline)

    def exact(self, size, deadline):
        while len(self.buf) < size:
            self._fill(deadline)
        return self.take(size)

    def some(self, size, deadline):
        if not self.buf:
            self._fill(deadline)
        return self.take(min(size, len(self.buf)))

    def take(self, size):
        raw = bytes(self.buf[:size])
        del self.buf[:size]
        return raw


def read_response(reader, method, service, seconds, may_cut=False, head_only=False):
    """One response with all checks; `method` and `service` are those of the request it answers."""
    started = time.monotonic()
    deadline = started + seconds
    raw = reader.until_blank_line(deadline).decode('latin-1')
    response = Response(Head(raw))
    response.first_byte_seconds = time.monotonic() - started
    found = re.match(r'ICAP/1\.0 (\d{3}) (\S.*)$', response.icap.line)
    if not found:
        raise WireError('bad status line %r' % response.icap.line)
    response.status = int(found.group(1))
    response.reason = found.group(2)
    check_icap_head(response, service)
    if response.status not in (100, 204):
        read_sections(reader, response, method, deadline)
        if not head_only and response.body is not None:
            read_chunks(reader, response.body, deadline, may_cut)
    response.seconds = time.monotonic() - started
    return response


def read_rest(reader, response, seconds, may_cut=False):
    """The body of an answer that was read with head_only."""
    if response.body is not None:
        read_chunks(reader, response.body, time.monotonic() + seconds, may_cut)


def check_icap_head(response, service):
    head, status = response.icap, response.status
    if status == 100:
        if head.raw != 'ICAP/1.0 100 Continue\r\n\r\n':
            raise WireError('100 must be bare: %r' % head.raw)
        return
    seen = set()
    for name, value in head.headers:
        if name.lower() in seen and name.lower() not in REPEATABLE:
            raise WireError('header %s twice' % name)
        seen.add(name.lower())
        if re.search(r'[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]', value):
            raise WireError('control character in %s: %r' % (name, value))
    check_exact_case(head)
    if not re.match(r'"[0-9A-Fa-f]{32}"$', head.get('ISTag') or ''):
        raise WireError('bad ISTag %r' % head.get('ISTag'))
    if not re.match(r'Baleen/\d+\.\d+\S*$', head.get('Service') or ''):
        raise WireError('bad Service %r' % head.get('Service'))
    check_date(head.get('Date') or '')
    check_service_id(head, status, service)
    encapsulated = head.get('Encapsulated')
    if encapsulated is not None:
        if status == 204:
            raise WireError('204 with Encapsulated')
        if head.headers[-1][0] != 'Encapsulated':
            raise WireError('Encapsulated is not the last header: %s' % head.names)
    elif status in ENCAPSULATED_STATUS:
        raise WireError('%d without Encapsulated' % status)
    if status == 204 and head.line != 'ICAP/1.0 204 No modifications needed':
        raise WireError('204 line is %r' % head.line)
    infection = head.get('X-Infection-Found')
    if infection is not None and not re.match(r'Type=[012]; Resolution=[012]; Threat=[^;]+;$', infection):
        raise WireError('bad X-Infection-Found %r' % infection)
    violations = head.get('X-Violations-Found')
    if violations is not None:
        check_violations(violations)


def check_exact_case(head):
    """Some clients compare these names with case."""
    for name in ('ISTag', 'Date', 'Service', 'Service-ID', 'Encapsulated', 'Connection', 'Options-TTL', 'Preview',
                 'Methods', 'Allow', 'Max-Connections', 'X-Infection-Found', 'X-Violations-Found', 'X-Virus-ID'):
        for got, _ in head.headers:
            if got.lower() == name.lower() and got != name:
                raise WireError('header is spelled %s, not %s' % (got, name))


def check_date(value):
    if not DATE.match(value):
        raise WireError('Date is no RFC 7231 date: %r' % value)
    parsed = time.strptime(value, '%a, %d %b %Y %H:%M:%S GMT')
    if time.strftime('%a', time.gmtime(calendar.timegm(parsed))) != value[:3]:
        raise WireError('Date has the wrong day of the week: %r' % value)
    if abs(calendar.timegm(parsed) - time.time()) > DATE_SLACK_SECONDS:
        raise WireError('Date is not now: %r' % value)


def check_service_id(head, status, service):
    service_id = head.get('Service-ID')
    if service_id is not None and service_id != service_id.upper():
        raise WireError('Service-ID is not in capitals: %r' % service_id)
    if status not in SERVICE_ID_STATUS:
        return
    if service_id is None:
        raise WireError('%d without Service-ID' % status)
    if service.upper() in KNOWN_SERVICES and service_id != service.upper():
        raise WireError('Service-ID %r for service %s' % (service_id, service))


def check_violations(value):
    lines = value.split('\r\n')
    if not lines[0].isdigit() or len(lines) != 1 + 4 * int(lines[0]) or int(lines[0]) == 0:
        raise WireError('X-Violations-Found: %d lines for count %r' % (len(lines) - 1, lines[0]))
    for i, line in enumerate(lines[1:]):
        if not line.startswith('\t') or not line.strip():
            raise WireError('X-Violations-Found: line %r does not start with one tab' % line)
        if i % 4 == 2 and not line[1:].isdigit():
            raise WireError('X-Violations-Found: id %r' % line)
        if i % 4 == 3 and line[1:] not in ('0', '1', '2'):
            raise WireError('X-Violations-Found: disposition %r' % line)


def read_sections(reader, response, method, deadline):
    value = response.icap.get('Encapsulated')
    if value is None:
        return
    for part in value.split(', '):
        found = re.match(r'(req-hdr|res-hdr|req-body|res-body|opt-body|null-body)=(\d+)$', part)
        if not found:
            raise WireError('bad Encapsulated %r' % value)
        response.sections.append((found.group(1), int(found.group(2))))
    names = [name for name, _ in response.sections]
    if response.status < 300 and names not in [list(legal) for legal in LEGAL_SECTIONS.get(method, ())]:
        raise WireError('Encapsulated %r in an answer to %s' % (value, method))
    if response.sections[0][1] != 0:
        raise WireError('Encapsulated does not start at 0: %r' % value)
    if len(response.sections) == 2:
        read_http_head(reader, response, deadline)
    elif not names[0].endswith('-body'):
        raise WireError('Encapsulated without a body section: %r' % value)
    if names[-1] != 'null-body':
        response.body = Body()


def read_http_head(reader, response, deadline):
    (kind, _), (_, size) = response.sections
    raw = reader.exact(size, deadline).decode('latin-1')
    if not raw.endswith('\r\n\r\n') and not raw.endswith('\n\n'):
        raise WireError('%s of %d bytes does not end with a blank line: %r' % (kind, size, raw[-60:]))
    response.http_kind = kind[:3]
    # An echoed head comes as the client sent it: bare LF and all.
    response.http = Head(raw if '\r\n\r\n' in raw else raw.replace('\n', '\r\n'))
    response.http.raw = raw


def read_chunks(reader, body, deadline, may_cut):
    try:
        while True:
            line = reader.line(deadline)
            found = re.match(r'([0-9A-Fa-f]{1,16})((?:;[^\x00-\x1f]*)?)$', line)
            if not found:
                raise WireError('bad chunk size line %r' % line)
            size = left = int(found.group(1), 16)
            if size == 0:
                body.last_extension = found.group(2).lstrip('; ')
                read_trailer(reader, body, deadline)
                return
            if found.group(2):
                raise WireError('extension on a chunk with data: %r' % line)
            body.chunk_sizes.append(size)
            while left:
                piece = reader.some(left, deadline)
                body.add(piece)
                left -= len(piece)
            if reader.exact(2, deadline) != b'\r\n':
                raise WireError('chunk of %d bytes does not end with CRLF' % size)
    except WireError:
        if not (may_cut and reader.at_eof):
            raise
        body.is_cut = True


def read_trailer(reader, body, deadline):
    raw = ''
    while True:
        line = reader.line(deadline)
        if not line:
            break
        raw += line + '\r\n'
    if re.search(r'ieof', body.last_extension, re.I):
        raise WireError('ieof given back')
    if body.last_extension and not re.match(r'use-original-body=\d+$', body.last_extension):
        raise WireError('extension on the last chunk: %r' % body.last_extension)
    body.trailer = Head('\r\n' + raw + '\r\n')


class Writer:
    """Sends bytes at once, held back, or drop by drop."""

    def __init__(self, sock, log):
        self.sock = sock
        self.log = log
        self.drip = 0
        self.drip_seconds = 0.0
        self.is_held = False
        self.held = bytearray()

    def send(self, data):
        if self.is_held:
            self.held += data
            return
        self.log.bytes('>', data)
        if not self.drip:
            self.sock.sendall(data)
            return
        for at in range(0, len(data), self.drip):
            self.sock.sendall(data[at:at + self.drip])
            if self.drip_seconds:
                time.sleep(self.drip_seconds)

    def release(self):
        self.is_held = False
        data, self.held = bytes(self.held), bytearray()
        self.send(data)


def connect(host, port, receive_buffer=0):
    sock = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(60)
    sock.connect((host, port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock
