# SPDX-License-Identifier: MIT
"""actors - who takes part in a dialogue: definition sets, files, clients, and what may be asked of them.

Role: carries out single statements; run.py says which and when. Each actor has a log of its own, shown on failure only.
"""

import hashlib
import os
import random
import re
import select
import shutil
import socket
import stat
import struct
import time

import wire
from language import DialogueError, Options, seconds_of, size_of

EICAR = r'X5O!P%@AP[4\PZX54(P^)7CC)7}$' + 'EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'
# Under a sanitizer or valgrind what has to happen within a time gets this many times more of it.
SLOWNESS = float(os.environ.get('BALEEN_DIALOGUE_SLOWNESS', '1'))
RX_SECONDS = 10 * SLOWNESS
PIECE = 65536
LOG_BYTES = 600
LOG_ENTRIES = 400


class Log:
    """What one actor did and saw."""

    def __init__(self, name, started):
        self.name = name
        self.started = started
        self.entries = []

    def say(self, text):
        self.entries.append('%-6s %7.3f  %s' % (self.name, time.monotonic() - self.started, text))
        if len(self.entries) > LOG_ENTRIES:
            del self.entries[LOG_ENTRIES // 4]

    def bytes(self, mark, data):
        text = repr(bytes(data[:LOG_BYTES]))[2:-1].replace('\\r\\n', '\\r\\n\n' + ' ' * 18 + mark + ' ')
        more = ' … %d bytes in all' % len(data) if len(data) > LOG_BYTES else ''
        self.say('%s %s%s' % (mark, text, more))


def make_bytes(options):
    """The bytes that the words of `chunk`, `body` and `file` describe, as an iterator of pieces."""
    if options.get('eicar'):
        yield EICAR.encode()
    if options.get('hex'):
        yield bytes.fromhex(options.get('hex'))
    for word in options.rest:
        yield word.encode('latin-1')
    if options.get('file'):
        with open(options.get('file'), 'rb') as data:
            yield data.read()
    size = size_of(options.get('size', '0'))
    fill = (options.get('fill') or '').encode('latin-1')
    source = random.Random(int(options.get('seed', '1')))
    block = (fill * (PIECE // len(fill) + 1))[:PIECE // len(fill) * len(fill)] if fill else b''
    while size:
        piece = (block or source.randbytes(PIECE))[:size]
        size -= len(piece)
        yield piece
    if options.get('then'):
        yield options.get('then').encode('latin-1')


BYTES_FLAGS = ('eicar',)


def write_definitions(folder, statements, substitute):
    """Makes a definition set of `defs` statements."""
    lines = {}
    files = {}
    meta = {'name': os.path.basename(folder), 'version': '20260101.001', 'sequence': '1', 'certified': 'true'}
    for statement in statements:
        word, *args = [substitute(w) for w in statement.words]
        if word == 'ndb':
            lines.setdefault('d.ndb', []).append(':'.join(args))
        elif word == 'literal':
            lines.setdefault('d.ndb', []).append('%s:0:*:%s' % (args[0], args[1].encode('latin-1').hex()))
        elif word == 'eicar':
            lines.setdefault('d.ndb', []).append('%s:0:0:%s' % (args[0], EICAR.encode().hex()))
        elif word in ('hdb', 'hsb', 'fp'):
            options = Options(args[1:], BYTES_FLAGS + ('any',))
            data = b''.join(make_bytes(options))
            digest = hashlib.sha256(data) if word == 'hsb' else hashlib.md5(data)
            # ClamAV wants its version 73 for hashes without a size.
            row = '%s:*:%s:73' if options.get('any') else '%%s:%d:%%s' % len(data)
            lines.setdefault('d.' + word, []).append(row % (digest.hexdigest(), args[0]))
        elif word == 'threat':
            lines.setdefault('threats.tsv', []).append('\t'.join((args + ['-', '-'])[:4]))
        elif word in meta or word == 'produced':
            meta[word] = args[0]
        elif word == 'raw':
            files[args[0]] = args[1]
        else:
            raise DialogueError('unknown word %s in defs' % word, statement.line)
    lines['set.yaml'] = ['%s: %s' % pair for pair in meta.items()]
    # Everything is in place at once, as a careful administrator would do it.
    fresh = folder + '.new'
    shutil.rmtree(fresh, ignore_errors=True)
    os.makedirs(fresh)
    for name, content in [(n, '\n'.join(rows) + '\n') for n, rows in lines.items()] + list(files.items()):
        path = os.path.join(fresh, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='latin-1', newline='') as out:
            out.write(content)


def place_definitions(source, target):
    """Puts the content of one set folder where an engine looks for its own; the change is seen at one moment."""
    fresh = target + '.incoming'
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(source, fresh)
    old = target + '.old'
    shutil.rmtree(old, ignore_errors=True)
    if os.path.exists(target):
        os.rename(target, old)
    os.rename(fresh, target)
    shutil.rmtree(old, ignore_errors=True)


class Files:
    """The files of a dialogue, for FILEMOD."""

    def __init__(self, folder):
        # Bytes: a name in a dialogue is what stands on the disk and on the wire.
        self.folder = folder.encode()
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o777)

    def path(self, name):
        return os.path.join(self.folder, name.encode('latin-1'))

    def make(self, words):
        options = Options(words[1:], BYTES_FLAGS + ('append', 'sparse'))
        path = self.path(words[0])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if options.get('sparse'):
            with open(path, 'wb') as out:
                out.truncate(size_of(options.get('size', '0')))
            options.all = [pair for pair in options.all if pair[0] != 'size']
            with open(path, 'r+b') as out:
                out.seek(0, 2)
                out.writelines(make_bytes(options))
        else:
            with open(path, 'ab' if options.get('append') else 'wb') as out:
                out.writelines(make_bytes(options))
        os.chmod(path, int(options.get('mode', '666'), 8))

    def make_special(self, kind, words):
        path = self.path(words[0])
        if kind == 'symlink':
            os.symlink(words[1].encode('latin-1'), path)
        elif kind == 'fifo':
            os.mkfifo(path, 0o666)
        elif kind == 'socket':
            with socket.socket(socket.AF_UNIX) as sock:
                sock.bind(path)
        else:
            os.makedirs(path, exist_ok=True)
        if kind in ('fifo', 'mkdir'):
            os.chmod(path, 0o777)

    def ask(self, name, what):
        path = self.path(name)
        if what == 'exists':
            return 'yes' if os.path.lexists(path) else 'no'
        if what == 'kind':
            return {stat.S_IFREG: 'file', stat.S_IFDIR: 'dir', stat.S_IFLNK: 'symlink', stat.S_IFIFO: 'fifo'}.get(
                stat.S_IFMT(os.lstat(path).st_mode), 'other')
        with open(path, 'rb') as data:
            content = data.read()
        return {'text': content.decode('latin-1'), 'size': len(content),
                'digest': hashlib.sha256(content).hexdigest()}[what]

    def list(self):
        return ','.join(sorted(os.path.relpath(os.path.join(base, name), self.folder).decode('latin-1')
                               for base, _, names in os.walk(self.folder) for name in names))


class Sent:
    """The body sent with the current request."""

    def __init__(self):
        self.sha = hashlib.sha256()
        self.size = 0

    def add(self, data):
        self.sha.update(data)
        self.size += len(data)


TX_FLAGS = ('null', 'no-encap', 'no-host', 'close', 'origin')
TX_KNOWN = ('hdr', 'host', 'version', 'allow', 'preview', 'req', 'reqhdr', 'res', 'reshdr', 'encap', 'uri', 'reqraw',
            'resraw', 'body')


class Client:
    """One connection and the words that may be said on it."""

    def __init__(self, name, log, connect):
        self.name = name
        self.log = log
        self.connect = connect
        self.thread = None
        self.sock = None
        self.pending = []  # (method, service) of each request without its final answer.
        self.response = None
        self.sent = Sent()
        self.open()

    def open(self):
        self.sock, self.authority = self.connect()
        self.reader = wire.Reader(self.sock, self.log)
        self.writer = wire.Writer(self.sock, self.log)
        self.pending = []
        self.must_end = False
        self.has_ended_writing = False
        self.last_tx_seconds = time.monotonic()

    def close(self):
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def finish(self):
        """End of the client's part: nothing unasked may have come."""
        if self.sock is None:
            return
        if not self.pending:
            self.check_no_stray()
        if self.must_end:
            self.rx_eof(2)

    def check_no_stray(self):
        if self.reader.poll(0) and self.reader.buf:
            raise DialogueError('stray bytes from the engine: %r' % bytes(self.reader.buf[:100]))

    # Writing.

    def send(self, data):
        if not self.pending:
            self.check_no_stray()
        try:
            self.writer.send(data)
        except OSError as error:
            raise DialogueError('send: %s' % error)

    def do_tx(self, words):
        options = Options(words, TX_FLAGS, TX_FLAGS + TX_KNOWN)
        method, target = (options.rest + ['/'])[:2]
        head, http = self.make_request(method, target, options)
        self.sent = Sent()
        self.send(head.encode('latin-1') + http.encode('latin-1'))
        self.pending.append((method.upper(), target.lstrip('/').partition('?')[0]))
        self.last_tx_seconds = time.monotonic()

    def make_request(self, method, target, options):
        uri = options.get('uri') or (target if options.get('origin') else 'icap://%s%s' % (self.authority, target))
        lines = ['%s %s %s' % (method, uri, options.get('version', 'ICAP/1.0'))]
        if not options.get('no-host'):
            lines.append('Host: ' + options.get('host', self.authority))
        lines += options.every('hdr')
        if options.get('allow'):
            lines.append('Allow: ' + options.get('allow'))
        if options.get('preview'):
            lines.append('Preview: ' + options.get('preview'))
        if options.get('close'):
            lines.append('Connection: close')
        sections, http = self.make_sections(method.upper(), options)
        if options.get('encap'):
            sections = options.get('encap')
        if sections and not options.get('no-encap'):
            lines.append('Encapsulated: ' + sections)
        return '\r\n'.join(lines) + '\r\n\r\n', http

    def make_sections(self, method, options):
        if method == 'OPTIONS' and not options.get('body'):
            return '', ''
        sections, http = [], ''
        for kind in ('req', 'res'):
            raw = options.get(kind + 'raw')
            if raw is None and options.get(kind):
                raw = '\r\n'.join([options.get(kind)] + options.every(kind + 'hdr') + ['', ''])
            if raw is not None:
                sections.append('%s-hdr=%d' % (kind, len(http)))
                http += raw
        body = options.get('body') or {'REQMOD': 'req-body', 'RESPMOD': 'res-body'}.get(method, 'null-body')
        sections.append('%s=%d' % ('null-body' if options.get('null') else body, len(http)))
        return ', '.join(sections), http

    def do_chunk(self, words):
        options = Options(words, BYTES_FLAGS)
        pieces = list(make_bytes(options)) or [b'']
        extension = ';' + options.get('ext') if options.get('ext') else ''
        line = options.get('sizeline', '%x%s' % (sum(len(piece) for piece in pieces), extension))
        for piece in pieces:
            self.sent.add(piece)
        # One write for a small chunk: a client that thinks does the same.
        pieces[0] = line.encode('latin-1') + b'\r\n' + pieces[0]
        pieces[-1] += b'\r\n'
        for piece in pieces:
            self.send(piece)

    def do_body(self, words):
        """A body in chunks of -chunk bytes, without its end."""
        options = Options(words, BYTES_FLAGS)
        limit = size_of(options.get('chunk', '16384'))
        data = b''.join(make_bytes(options))
        for at in range(0, len(data), limit):
            piece = data[at:at + limit]
            self.send(b'%x\r\n%s\r\n' % (len(piece), piece))
        self.sent.add(data)

    def do_end(self, words):
        options = Options(words, ('ieof',))
        line = options.get('line') or ('0; ieof' if options.get('ieof') else '0')
        trailer = ''.join(row + '\r\n' for row in options.every('trailer'))
        self.send(('%s\r\n%s\r\n' % (line, trailer)).encode('latin-1'))
        self.last_tx_seconds = time.monotonic()

    def do_flood(self, words):
        """One chunk of -size bytes (-more: bytes alone) until the engine speaks, or (-until end) until it goes."""
        options = Options(words, ('more',))
        if not options.get('more'):
            self.send(b'%x\r\n' % (size_of(options.get('size')) + sum(len(w) for w in options.rest)))
        total = 0
        try:
            for piece in self.flood_pieces(options):
                self.sock.sendall(piece)
                total += len(piece)
                if options.get('until', 'answer') == 'answer' and select.select([self.sock], [], [], 0)[0]:
                    break
        except OSError as error:
            self.log.say('flood ended by %s' % error)
        self.log.say('> … flood of %d bytes' % total)

    @staticmethod
    def flood_pieces(options):
        for word in options.rest:
            yield word.encode('latin-1')
        yield from make_bytes(Options(['-size', options.get('size'), '-fill', options.get('fill', 'x')]))

    def do_raw(self, words):
        options = Options(words, ())
        if options.get('expects'):
            method, _, service = options.get('expects').partition('/')
            self.sent = Sent()
            self.pending.append((method, service))
        self.send(''.join(options.rest).encode('latin-1'))
        self.last_tx_seconds = time.monotonic()

    def do_hex(self, words):
        self.send(bytes.fromhex(''.join(words)))

    def do_drip(self, words):
        self.writer.drip = int(words[0])
        self.writer.drip_seconds = seconds_of(words[1]) if len(words) > 1 else 0.0

    def do_hold(self, words):
        self.writer.is_held = True

    def do_release(self, words):
        self.writer.release()

    def do_stall(self, words):
        time.sleep(seconds_of(words[0]))

    def do_reset(self, words):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.close()

    def do_quit(self, words):
        """Goes without looking back; `close` looks whether something unasked came."""
        self.close()

    def do_close(self, words):
        self.finish()
        self.close()

    def do_reopen(self, words):
        self.finish()
        self.close()
        self.open()

    def do_half_close(self, words):
        self.sock.shutdown(socket.SHUT_WR)
        self.has_ended_writing = True

    # Reading.

    def do_rx(self, words):
        options = Options(words, ('eof', 'cut', 'head', 'body', 'some', 'unsaid'))
        within = seconds_of(options.get('within')) * SLOWNESS if options.get('within') else None
        if options.get('eof'):
            self.rx_eof(RX_SECONDS if within is None else within, options.get('unsaid', False))
            return
        if options.get('nothing'):
            self.rx_nothing(seconds_of(options.get('nothing')))
            return
        if options.get('little'):
            self.rx_little(int(options.get('little')), within or 0)
            return
        if options.get('some'):
            if not self.reader.poll(RX_SECONDS) or self.reader.at_eof:
                raise DialogueError('nothing came')
            return
        if options.get('body'):
            self.rx_body(options.get('cut', False))
            return
        self.rx_response(options.rest[0].split('|'), options)
        if within is not None and self.response.seconds > within:
            raise DialogueError('answer took %.3f s' % self.response.seconds)

    def rx_response(self, codes, options):
        if not self.pending:
            raise DialogueError('rx without a request')
        method, service = self.pending[0]
        try:
            self.response = wire.read_response(self.reader, method, service, RX_SECONDS,
                                               may_cut=options.get('cut', False), head_only=options.get('head', False))
        except wire.WireError as error:
            raise DialogueError('rx %s: %s' % ('|'.join(codes), error))
        answer = self.response
        if str(answer.status) not in codes:
            raise DialogueError('rx %s: got %r%s' % ('|'.join(codes), answer.icap.line,
                                                     ' with ' + answer.http.line if answer.http else ''))
        if options.get('cut') and not answer.body.is_cut:
            raise DialogueError('body has ended properly')
        has_body_to_come = options.get('head') and answer.body is not None
        if answer.status != 100 and not has_body_to_come:
            self.pending.pop(0)
        if (answer.icap.get('Connection') or '').lower() == 'close':
            self.must_end = True
        if not self.pending:
            self.check_buffer()

    def rx_body(self, is_cut_due):
        """The body behind `rx CODE -head`."""
        try:
            wire.read_rest(self.reader, self.response, RX_SECONDS, is_cut_due)
        except wire.WireError as error:
            raise DialogueError('rx -body: %s' % error)
        self.pending.pop(0)
        if is_cut_due and not self.response.body.is_cut:
            raise DialogueError('body has ended properly')
        if is_cut_due:
            # Ending without a last chunk is how a finding is told here; no header could have announced it.
            self.must_end = True
        self.check_buffer()

    def check_buffer(self):
        if self.reader.buf:
            raise DialogueError('stray bytes behind the answer: %r' % bytes(self.reader.buf[:100]))

    def rx_eof(self, seconds, unsaid=False):
        """The engine closes, having said so, and says nothing more."""
        deadline = time.monotonic() + seconds
        while not self.reader.at_eof:
            if self.reader.buf:
                raise DialogueError('bytes where the end was due: %r' % bytes(self.reader.buf[:200]))
            left = deadline - time.monotonic()
            if left <= 0 or not self.reader.poll(left) and time.monotonic() >= deadline:
                raise DialogueError('not closed within %g s' % seconds)
        answer = self.response
        if answer is not None and not self.pending and not self.must_end and not self.has_ended_writing \
                and answer.status != 100 and not unsaid:
            raise DialogueError('closed without Connection: close')
        self.must_end = False
        self.close()

    def rx_nothing(self, seconds):
        if self.reader.poll(seconds):
            raise DialogueError('not silent: %r%s' % (bytes(self.reader.buf[:200]),
                                                      ' and closed' if self.reader.at_eof else ''))

    def rx_little(self, most, seconds):
        """No more than `most` bytes come within the time; they stay to be read."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and len(self.reader.buf) <= most:
            self.reader.poll_more(max(0, deadline - time.monotonic()))
        if len(self.reader.buf) > most:
            raise DialogueError('%d bytes came: %r' % (len(self.reader.buf), bytes(self.reader.buf[:200])))

    # Asking.

    def ask(self, path):
        """Value of icap.…, http.…, body.…, time.…, sent.… of the last answer; None when there is no such thing."""
        area, _, name = path.partition('.')
        if area == 'sent':
            return {'digest': self.sent.sha.hexdigest(), 'size': self.sent.size}[name]
        answer = self.response
        if answer is None:
            raise DialogueError('%s: no answer yet' % path)
        if area == 'icap':
            special = {'status': answer.status, 'reason': answer.reason,
                       'sections': ', '.join('%s=%d' % section for section in answer.sections),
                       'verdict_and_version': '%d %s' % (answer.status, answer.icap.get('X-Definition-Info'))}
            return special[name] if name in special else self.ask_head(answer.icap, name)
        if area == 'http':
            if name == 'kind':
                return answer.http_kind or None
            return self.ask_head(answer.http, name) if answer.http else None
        if area == 'body':
            return self.ask_body(answer.body, name)
        if area == 'time':
            return {'ms': int(answer.seconds * 1000), 'first_ms': int(answer.first_byte_seconds * 1000)}[name]
        raise DialogueError('nothing is called %s' % path)

    @staticmethod
    def ask_head(head, name):
        if name == 'head':
            return head.raw
        if name == 'head_size':
            return len(head.raw)
        if name == 'line':
            return head.line
        if name == 'status':
            return head.line.split(' ')[1] if ' ' in head.line else None
        if name == 'names':
            return head.names
        if name == 'last_header':
            return head.headers[-1][0]
        found = re.match(r'(.*)\[(\d+)\]$', name)
        if found:
            values = head.every(found.group(1))
            return values[int(found.group(2))] if int(found.group(2)) < len(values) else None
        return head.get(name)

    @staticmethod
    def ask_body(body, name):
        if body is None:
            return None
        if name.startswith('trailer.'):
            return body.trailer.get(name[8:]) if body.trailer else None
        return {'digest': body.sha.hexdigest(), 'size': body.size, 'text': body.text.decode('latin-1'),
                'chunks': len(body.chunk_sizes), 'extension': body.last_extension or None,
                'first_chunk': '%x' % body.chunk_sizes[0] if body.chunk_sizes else None}[name]
