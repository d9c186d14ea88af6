#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""daemon - `baleend` as a service: start, signals, logs, users, limits, and what is left when something dies.

    daemon.py --engine BALEEND --baleen BALEEN
"""

import json
import os
import re
import signal
import socket
import sys
import time

import kit
import servers


def stop_well(checks, engine, text):
    """Ends it with SIGTERM and looks at what it leaves."""
    checks.equal(engine.stop(), 0, '%s: SIGTERM ends it with 0' % text)
    checks.check(not os.path.exists(engine.control_path), '%s: the control socket is gone' % text)


def log_lines(engine):
    """Who said what, without the time."""
    return re.findall(r'^\S+ (\w+) ([\w ]+): (.*)$', engine.log(), re.M)


def test_command_line(checks, programs):
    result = kit.run(programs.baleend, '--version')
    checks.check(result.code == 0 and re.fullmatch(r'Baleen \d+\.\d+\.\d+\n', result.out) and result.err == '',
                 '--version',
                 result)
    result = kit.run(programs.baleend, '--help')
    checks.check(result.code == 0 and result.out.startswith('usage: baleend ') and result.err == '', '--help', result)
    for option in ('-c', '-s', '--check', '--version', 'SIGTERM', 'SIGHUP'):
        checks.check(option in result.out, '--help has %s' % option)
    for words in (['--nonsense'], ['-x'], ['extra'], ['--check', 'extra'], ['-s'], ['-s', '=1']):
        result = kit.run(programs.baleend, *words, seconds=10)
        checks.check(result.code == 2 and result.out == '' and re.match(r'\S*baleend: ', result.err),
                     'wrong use: baleend %s' % ' '.join(words), result)


def refused(checks, programs, text, wanted, **more):
    """An engine that must not start: exit code 1, one error line besides the last, nothing left behind."""
    engine = kit.Engine(programs, name='refused', **more)
    begun = time.monotonic()
    result = kit.run(*engine.prefix, *engine.argv, seconds=20)
    errors = re.findall(r'^\S+ error supervisor: (.*)$', result.err, re.M)
    checks.check(result.code == 1 and time.monotonic() - begun < 15, '%s: exit code 1' % text, result)
    checks.check(len(errors) == 2 and errors[1] == 'not started' and re.search(wanted, errors[0]),
                 '%s: one line says why' % text, errors)
    checks.check(kit.port_is_free(engine.port), '%s: no process holds the port' % text)
    checks.check(not os.path.exists(engine.control_path), '%s: no control socket is left' % text)
    return errors


def test_start_refused(checks, programs, folder, definitions):
    """Each reason not to start is told, and leaves nothing."""
    empty = os.path.join(folder, 'empty')
    os.makedirs(empty)
    broken = kit.make_set(os.path.join(folder, 'broken'))
    kit.write(os.path.join(broken, 'set.yaml'), 'version: yesterday\n')
    junk = os.path.join(folder, 'junk')
    os.makedirs(junk)
    kit.write(os.path.join(junk, 'a.ndb'), '<html>404</html>\n')
    piped = kit.make_set(os.path.join(folder, 'piped'))
    os.mkfifo(os.path.join(piped, 'pipe.ndb'))
    for text, path, wanted in (('definitions missing', os.path.join(folder, 'missing'), 'missing'),
                               ('definitions empty', empty, re.escape(empty)),
                               ('definitions with a broken set.yaml', broken, r'set\.yaml'),
                               ('definitions without a signature', junk, re.escape(junk)),
                               ('definitions with a pipe among them', piped, r'pipe\.ndb')):
        errors = refused(checks, programs, text, wanted, definitions=path)
        checks.check('stays' not in errors[0], '%s: no talk of an old one' % text, errors)

    first = kit.Engine(programs, name='first', definitions=definitions, options=[('shards', '1')])
    checks.watch(first)
    first.start()
    refused(checks, programs, 'port taken', re.escape('%s:%d' % (kit.HOST, first.port)), definitions=definitions,
            options=[('listen', '[%s:%d]' % (kit.HOST, first.port))])
    refused(checks, programs, 'control socket taken', 'another engine.*%s' % re.escape(first.control_path),
            definitions=definitions, options=[('control_socket', first.control_path)])
    checks.equal((first.is_ready(), first.control('status')['pid']), (True, first.pid), 'the first engine goes on')
    kept = kit.write(os.path.join(folder, 'precious'), 'data')
    refused(checks, programs, 'a file at the path of the control socket', 'no socket', definitions=definitions,
            options=[('control_socket', kept)])
    checks.check(os.path.exists(kept), 'and the file stays')
    refused(checks, programs, 'an address of another host', r'192\.0\.2\.1', definitions=definitions,
            options=[('listen', '["192.0.2.1:1344"]')])
    refused(checks, programs, 'log.access in no folder', 'log.access', definitions=definitions,
            options=[('log.access', os.path.join(folder, 'none', 'access.log'))])
    stop_well(checks, first, 'first')


def test_stale_socket(checks, programs, definitions):
    engine = kit.Engine(programs, name='stale', definitions=definitions, options=[('shards', '1')])
    checks.watch(engine)
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(engine.control_path)
    engine.start()
    checks.equal(engine.control('version')['ok'], True, 'a socket file that nobody answers is replaced')
    checks.equal(os.stat(engine.control_path).st_mode & 0o777, 0o600, 'only its owner may use it')
    stop_well(checks, engine, 'stale socket')


def test_processes(checks, programs, definitions, folder):
    """What `ps` shows, also when there is next to no room in the arguments, and the environment is whole."""
    config = kit.write(os.path.join(folder, 'c'), '')
    engine = kit.Engine(programs, name='titles', definitions=definitions, options=[('shards', '2')])
    checks.watch(engine)
    kit.write(config, 'listen: ["%s:%d"]\ncontrol_socket: %s\nstate_dir: %s\nadmin: {listen: ""}\nshards: 2\n'
              'definitions: {path: %s}\n' % (kit.HOST, engine.port, engine.control_path, engine.state_dir,
                                             definitions))
    os.symlink(programs.baleend, os.path.join(folder, 'baleend'))
    engine.prefix = ['sh', '-c', 'cd %s && PATH=.:$PATH && exec baleend -c c' % folder]
    engine.start()
    checks.equal(servers.process_title(engine.pid), 'baleend: supervisor', 'title of the supervisor')
    checks.equal({index: servers.process_title(pid) for index, pid in engine.shard_pids().items()},
                 {0: 'baleend: shard 0', 1: 'baleend: shard 1'}, 'titles of the shards')
    checks.equal(len(servers.process_children(engine.pid)), 2, 'nothing else runs')
    stop_well(checks, engine, 'titles')


def test_hangup(checks, programs, definitions, folder):
    """SIGHUP takes what it can, names what it cannot, and keeps the old state when the file is wrong."""
    config = kit.write(os.path.join(folder, 'hangup.yaml'), 'icap: {preview: 100}\nshards: 2\n')
    engine = kit.Engine(programs, name='hangup', definitions=definitions, config=config)
    checks.watch(engine)
    engine.start()

    def preview():
        return re.search(r'^Preview: (\d+)', engine.ask_options(), re.M).group(1)

    def hang_up(text):
        kit.write(config, text)
        engine.signal(signal.SIGHUP)

    checks.equal(preview(), '100', 'the preview of the file')
    shards = engine.shard_pids()
    hang_up('icap: {preview: 200}\nshards: 2\n')
    checks.check(servers.wait_until(lambda: preview() == '200', 5), 'SIGHUP changes icap.preview', preview())
    hang_up('icap: {preview: 300}\nshards: 1\nstate_dir: /elsewhere\n')
    checks.check(engine.log_has(r'warn supervisor: .*restart.*: .*shards'), 'a key that needs a restart is named')
    checks.check(servers.wait_until(lambda: preview() == '300', 5), 'and the others are taken', preview())
    checks.equal(engine.shard_pids(), shards, 'the same shards go on')
    hang_up('icap: {preview: lots}\n')
    checks.check(engine.log_has(r'error supervisor: .*%s:1: icap\.preview: .*65536' % re.escape(config)),
                 'a wrong file is told with file, line and key')
    checks.equal((preview(), engine.is_running()), ('300', True), 'and the old configuration stays')
    os.unlink(config)
    engine.signal(signal.SIGHUP)
    checks.check(engine.log_has(r'error supervisor: .*No such file'), 'a file that is gone is told')
    checks.equal(preview(), '300', 'and changes nothing')
    hang_up('icap: {preview: 400}\nshards: 2\n')
    checks.check(servers.wait_until(lambda: preview() == '400', 5), 'a good one is taken again', preview())
    stop_well(checks, engine, 'hangup')


def findings(engine):
    """Lines of shards that tell of a finding."""
    return [text for _, who, text in log_lines(engine) if who.startswith('shard') and kit.MARKER_NAME in text]


def test_log_level(checks, programs, definitions, folder):
    config = kit.write(os.path.join(folder, 'level.yaml'), 'log: {level: error}\n')
    engine = kit.Engine(programs, name='level', definitions=definitions, config=config, options=[('shards', '1')])
    checks.watch(engine)
    engine.start()
    kit.respmod(engine.port, kit.MARKER)
    checks.equal(engine.log(), '', 'log.level=error: a good run says nothing')
    kit.write(config, 'log: {level: info}\n')
    checks.equal(engine.baleen('reload').code, 0, 'reload with log.level=info')
    kit.respmod(engine.port, kit.MARKER, target='http://a/level.bin')
    checks.check(servers.wait_until(lambda: findings(engine), 3), 'then findings are logged', engine.log())
    checks.check(engine.log_has(r'info supervisor: ', 1), 'by the supervisor as well', engine.log())
    stop_well(checks, engine, 'log.level')


def test_log_json(checks, programs, definitions, folder):
    """Every line is an object, whatever names clients think of."""
    access = os.path.join(folder, 'access.json')
    engine = kit.Engine(programs, name='json', definitions=definitions,
                        options=[('log.format', 'json'), ('log.level', 'debug'), ('log.access', access),
                                 ('shards', '2')])
    checks.watch(engine)
    engine.start()
    targets = ['http://a/"quote"', 'http://a/back\\slash', 'http://a/\xff\xfe', 'http://a/' + '\xff' * 600,
               'http://a/gr\xc3\xbcn', 'http://a/\x7f',
               'http://a/' + 'long' * 2000, 'http://a/' + '\xc3\xbc' * 1500]
    for target in targets:
        kit.respmod(engine.port, kit.MARKER, target=target)
    with socket.create_connection((kit.HOST, engine.port), 5) as sock:
        sock.sendall(b'BURN \xff"\\ ICAP/1.0\r\n\r\n')
        kit.receive_all(sock)
    engine.baleen('reload')
    stop_well(checks, engine, 'log.format=json')
    for name, path, least in (('the log', engine.log_path, 10), ('the access log', access, len(targets) + 1)):
        bad, entries = [], []
        with open(path, 'rb') as lines:
            for line in lines:
                try:
                    entries.append(json.loads(line.decode()))
                except ValueError:
                    bad.append(line[:200])
        checks.check(not bad, '%s: every line is JSON' % name, bad[:2])
        checks.check(len(entries) >= least or bad, '%s: no line is missing' % name, len(entries))
    with open(engine.log_path, 'rb') as lines:
        keys = {tuple(sorted(json.loads(line.decode('latin-1')))) for line in lines}
    checks.equal(keys, {('level', 'message', 'time', 'who')}, 'the log: each line has the same keys')


def test_log_access(checks, programs, definitions, folder):
    """One line for each request."""
    access = os.path.join(folder, 'access.log')
    engine = kit.Engine(programs, name='access', definitions=definitions,
                        options=[('log.access', access), ('shards', '2'), ('filemod.roots', '[%s]' % folder)])
    checks.watch(engine)
    engine.start()

    def lines():
        with open(access, encoding='latin-1') as log:
            return log.read().splitlines()

    servers.wait_until(lambda: len(lines()) >= 1, 5)
    checks.check(lines() and all(' OPTIONS ' in line for line in lines()), 'access log: the first are OPTIONS',
                 lines())
    at = len(lines())
    kit.respmod(engine.port, b'clean', target='http://a/clean')
    kit.respmod(engine.port, kit.MARKER, target='http://a/evil file')
    kit.respmod(engine.port, b'', target='http://a/empty', service='nowhere')
    sample = kit.write(os.path.join(folder, 'by-path'), b'12345')
    engine.baleen('scan', '--by-path', sample)
    wanted = ((r'RESPMOD SYMCScanResp-AV 204 5 \d+ - http://a/clean'),
              (r'RESPMOD SYMCScanResp-AV 201 %d \d+ %s ' % (len(kit.MARKER), re.escape(kit.MARKER_NAME))),
              (r'RESPMOD - 404 0 \d+ - '),
              (r'OPTIONS SYMCScanResp-AV 200 0 \d+ - '),
              (r'FILEMOD SYMCScanResp-AV 204 5 \d+ - %s' % re.escape(sample)))
    servers.wait_until(lambda: len(lines()) >= at + len(wanted), 5)
    seen = sorted(lines()[at:])
    checks.equal(len(seen), len(wanted), 'access log: one line for each request')
    for pattern in wanted:
        full = r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z 127\.0\.0\.1:\d+ ' + pattern
        checks.check([line for line in seen if re.match(full, line)], 'access log: %s' % pattern, seen)
    before = len(lines())
    engine.baleen('scan', '-j', '16', '--by-stream', '--no-summary', *[sample] * 500)
    checks.check(servers.wait_until(lambda: len(lines()) == before + 501, 5), 'access log: none of 501 is missing',
                 len(lines()) - before)
    checks.check(all(re.match(r'\S+ 127\.0\.0\.1:\d+ [A-Z]+ \S+ \d{3} \d+ \d+ \S+ ', line) for line in lines()),
                 'access log: no two lines are mixed')
    at = len(lines())
    os.rename(access, access + '.1')
    engine.signal(signal.SIGHUP)
    checks.check(servers.wait_until(lambda: os.path.exists(access), 5), 'access log: SIGHUP opens it anew')
    kit.respmod(engine.port, b'clean', target='http://a/rotated')
    checks.check(servers.wait_until(lambda: 'http://a/rotated' in '\n'.join(lines()), 5), 'and lines go there',
                 lines())
    with open(access + '.1', encoding='latin-1') as old:
        checks.equal(len(old.readlines()), at, 'access log: the old file keeps its lines')
    stop_well(checks, engine, 'log.access')


def test_drop(checks, programs, definitions, folder):
    """Started as root it becomes another user, and everything works for that user."""
    if not kit.IS_ROOT:
        print('skip  dropping root needs root')
        return
    entry, _ = kit.plain_user()
    state = os.path.join(folder, 'fresh-state')
    access = os.path.join(folder, 'drop.log')
    engine = kit.Engine(programs, name='drop', definitions=definitions,
                        options=[('user', entry.pw_name), ('state_dir', state), ('limits.body_memory', '1MiB'),
                                 ('shards', '2'), ('log.access', access)])
    checks.watch(engine)
    engine.start()
    for pid in [engine.pid] + list(engine.shard_pids().values()):
        with open('/proc/%d/status' % pid) as status:
            facts = dict(line.rstrip('\n').split(':\t', 1) for line in status if ':\t' in line)
        checks.equal((set(facts['Uid'].split()), set(facts['Gid'].split()), int(facts['CapEff'], 16),
                      int(facts['CapPrm'], 16)), ({str(entry.pw_uid)}, {str(entry.pw_gid)}, 0, 0),
                     '%s has no right of root left' % servers.process_title(pid))
    checks.equal(os.stat(state).st_uid, entry.pw_uid, 'the state folder that it made is the user\'s')
    body = kit.filler(20 * kit.MIB)
    status, _, rest = kit.respmod(engine.port, body, allow204=False)
    back = kit.dechunk(rest.partition(b'\r\n\r\n')[2])
    checks.check(status == 200 and back == body, '20 MB come back whole', (status, len(back or b'')))
    status, _, _ = kit.respmod(engine.port, body + kit.MARKER)
    checks.equal(status, 201, '20 MB with a finding at the end')
    checks.check(engine.control('status')['totals']['bodies_spilled'] >= 2, 'they went through files')
    checks.check(' cannot be used, large bodies' not in engine.log(), 'in the state folder', engine.log())
    kit.make_set(definitions, 2)
    checks.equal(engine.baleen('reload').code, 0, 'reload after the drop')
    kit.make_set(definitions, 1)
    kit.respmod(engine.port, b'clean', target='http://a/after-reload')
    checks.check(servers.wait_until(lambda: 'after-reload' in open(access).read(), 5),
                 'the access log goes on after a reload, though the user may not open it anew', engine.log())
    checks.equal(engine.stop(), 0, 'drop: SIGTERM ends it with 0')
    refused(checks, programs, 'no such user', 'no-such-user', definitions=definitions,
            options=[('user', 'no-such-user')])


def test_plain_user(checks, programs, definitions):
    """No root, and little memory that may be locked: io_uring where it fits, else epoll, and the log says which."""
    _, prefix = kit.plain_user()
    for name, size, options, backends, note in (
            ('memlock-8m', 8192, [], ('io_uring', 'epoll'), ''),
            ('memlock-64k', 64, [], ('epoll', ), r' \(.+\)'),
            ('ring-epoll', None, [('ring', 'epoll')], ('epoll', ), '')):
        limit = kit.limit_memlock(size) if size else []
        if limit is None:
            print('skip  %s: our own limit is lower' % name)
            continue
        folder = servers.temp_dir()
        os.chmod(folder, 0o777)
        engine = kit.Engine(programs, name=name, definitions=definitions, work_dir=folder, prefix=limit + prefix,
                            options=[('shards', '2')] + options)
        checks.watch(engine)
        begun = time.monotonic()
        engine.start()
        took = time.monotonic() - begun
        seen = engine.control('status')['backend']
        checks.check(seen in backends, '%s: runs on %s' % (name, seen), backends)
        checks.check(engine.log_has(r'runs on %s%s$' % (seen, note if seen == 'epoll' else '')),
                     '%s: the log says so' % name, engine.log())
        checks.check(took < 10, '%s: starts in time' % name, '%.1f s' % took)
        body = kit.filler(3 * kit.MIB)
        status, _, rest = kit.respmod(engine.port, body, allow204=False)
        checks.check(status == 200 and kit.dechunk(rest.partition(b'\r\n\r\n')[2]) == body,
                     '%s: 3 MB come back' % name,
                     status)
        checks.equal(kit.respmod(engine.port, kit.MARKER)[0], 201, '%s: finds' % name)
        checks.check('running as root' not in engine.log(), '%s: no word of root' % name)
        stop_well(checks, engine, name)


def begin_request(engine):
    """A connection with a request that has begun; the engine waits for the rest of its body."""
    sock = socket.create_connection((kit.HOST, engine.port), 10)
    sock.settimeout(30)
    http = b'HTTP/1.1 200 OK\r\n\r\n'
    sock.sendall(b'RESPMOD icap://a/SYMCScanResp-AV ICAP/1.0\r\nHost: a\r\nAllow: 204\r\n'
                 b'Encapsulated: res-hdr=0, res-body=%d\r\n\r\n%s5\r\nbegun\r\n' % (len(http), http))
    if not servers.wait_until(lambda: engine.control('status')['totals']['requests_active'] >= 1, 5):
        raise servers.ServerError('the request did not begin')
    return sock


def test_supervisor_killed(checks, programs, definitions):
    """Without a supervisor the shards finish what they have and go; nothing keeps the port."""
    engine = kit.Engine(programs, name='killed', definitions=definitions, options=[('shards', '2')])
    checks.watch(engine)
    engine.start()
    shards = list(engine.shard_pids().values())
    with begin_request(engine) as sock:
        engine.signal(signal.SIGKILL)
        engine.wait(5)
        checks.check(servers.wait_until(lambda: not servers.answers_tcp(engine.port), 5),
                     'no new connection is taken')
        sock.sendall(b'0\r\n\r\n')
        answer = kit.receive_all(sock)
        checks.check(answer.startswith(b'ICAP/1.0 204 '), 'SIGKILL of the supervisor: a running request is answered',
                     answer[:100])
    checks.check(servers.wait_until(lambda: not any(map(kit.is_alive, shards)), 5), 'the shards end by themselves')
    checks.check(servers.wait_until(lambda: kit.port_is_free(engine.port), 2), 'the port is free again')
    kit.kill_all(pid for pid in shards if kit.is_alive(pid))
    engine.stop()
    engine.start()
    checks.check(engine.is_ready(), 'an engine starts in its place')
    stop_well(checks, engine, 'after SIGKILL')


def test_second_signal(checks, programs, definitions):
    """The first SIGTERM waits for a request that runs, the second does not."""
    engine = kit.Engine(programs, name='twice', definitions=definitions, options=[('shards', '2')])
    checks.watch(engine)
    engine.start()
    shards = list(engine.shard_pids().values())
    with begin_request(engine):
        engine.signal(signal.SIGTERM)
        checks.equal(engine.wait(1), None, 'one SIGTERM waits for the request')
        begun = time.monotonic()
        engine.signal(signal.SIGTERM)
        checks.equal(engine.wait(5), 0, 'a second SIGTERM ends it')
        checks.check(time.monotonic() - begun < 2, 'at once', time.monotonic() - begun)
    checks.check(servers.wait_until(lambda: not any(map(kit.is_alive, shards)), 2), 'its shards are gone')
    checks.check(servers.wait_until(lambda: kit.port_is_free(engine.port), 2), 'the port is free')


def test_shard_killed(checks, programs, definitions):
    """A shard that dies is replaced, and holds nothing of its supervisor's."""
    engine = kit.Engine(programs, name='shard', definitions=definitions, options=[('shards', '2')])
    checks.watch(engine)
    engine.start()
    victim = engine.shard_pids()[0]
    os.kill(victim, signal.SIGKILL)
    checks.check(servers.wait_until(lambda: engine.shard_pids().get(0, victim) != victim, 5),
                 'a dead shard is replaced')
    servers.wait_until(lambda: engine.baleen('reload').code == 0, 5)
    for sequence in (2, 3):
        kit.make_set(definitions, sequence)
        checks.equal(engine.baleen('reload').code, 0, 'reload %d after that' % sequence)
    checks.equal(engine.control('status')['shards'][0]['restarts'], 1, 'status counts it')

    def images():
        found = {}
        for index, pid in engine.shard_pids().items():
            held = set()
            for name in os.listdir('/proc/%d/fd' % pid):
                try:
                    path = '/proc/%d/fd/%s' % (pid, name)
                    if 'baleen-image' in os.readlink(path):
                        held.add(os.stat(path).st_ino)
                except OSError:
                    continue
            found[index] = len(held)
        return found

    checks.check(servers.wait_until(lambda: max(images().values()) <= 1, 2),
                 'no shard keeps an image that is not in use',
                 images())
    kit.make_set(definitions, 1)
    stop_well(checks, engine, 'shard killed')


def test_compiler_killed(checks, programs, folder):
    """A compiler that is killed costs its reload alone; one whose supervisor is killed goes as well."""
    definitions = kit.make_set(os.path.join(folder, 'heavy'))
    engine = kit.Engine(programs, name='compiler', definitions=definitions,
                        options=[('shards', '1'), ('definitions.watch', 'false')])
    checks.watch(engine)
    engine.start()
    tag = engine.istag()
    kit.make_set(definitions, 2, extra=''.join('Heavy.%d:0:*:%s\n' % (i, os.urandom(40).hex()) for i in range(60000)))

    def compiler():
        return [pid for pid in servers.process_children(engine.pid)
                if servers.process_title(pid) == 'baleend: compiler']

    engine.signal(signal.SIGHUP)
    found = servers.wait_until(compiler, 5, 0.001)
    kit.kill_all(found)
    checks.check(found and engine.log_has(r'error supervisor: .*compiler.*signal 9'),
                 'a compiler that is killed is told',
                 engine.log())
    checks.equal((engine.istag(), kit.respmod(engine.port, kit.MARKER)[0]), (tag, 201), 'the old set goes on')
    engine.signal(signal.SIGHUP)
    found = servers.wait_until(compiler, 5, 0.001)
    os.kill(found[0], signal.SIGSTOP)  # So that it is sure to be at work.
    engine.signal(signal.SIGTERM)
    checks.equal(engine.wait(5), 0, 'SIGTERM while it compiles')
    checks.check(servers.wait_until(lambda: not kit.is_alive(found[0]), 2), 'the compiler ends with it')
    kit.kill_all(pid for pid in found if kit.is_alive(pid))
    kit.make_set(definitions, 3)
    engine.start()
    kit.make_set(definitions, 4, extra=''.join('Heavy.%d:0:*:%s\n' % (i, os.urandom(40).hex()) for i in range(60000)))
    engine.signal(signal.SIGHUP)
    found = servers.wait_until(compiler, 5, 0.001)
    os.kill(found[0], signal.SIGSTOP)
    family = servers.process_tree(engine.pid)
    engine.signal(signal.SIGKILL)
    checks.check(servers.wait_until(lambda: not any(map(kit.is_alive, family)), 5),
                 'a supervisor that is killed while it compiles leaves nothing')
    kit.kill_all(pid for pid in family if kit.is_alive(pid))
    engine.stop()


def test_unreadable_set(checks, programs, folder):
    """A set that the engine's user may not read is refused, at start and later."""
    _, prefix = kit.plain_user()
    definitions = kit.make_set(os.path.join(folder, 'shut'))
    work = servers.temp_dir()
    os.chmod(work, 0o777)
    engine = kit.Engine(programs, name='shut', definitions=definitions, prefix=prefix, work_dir=work,
                        options=[('shards', '1')])
    checks.watch(engine)
    engine.start()
    os.chmod(os.path.join(definitions, 'cli.ndb'), 0)
    result = engine.baleen('reload')
    checks.check(result.code == 2 and result.says(r'cli\.ndb', 'Permission denied'),
                 'a set that cannot be read is refused',
                 result)
    checks.equal(kit.respmod(engine.port, kit.MARKER)[0], 201, 'the old one goes on')
    stop_well(checks, engine, 'unreadable set')
    refused(checks, programs, 'a set that cannot be read', r'cli\.ndb', definitions=definitions, prefix=prefix,
            work_dir=work)


def main():
    programs = kit.Programs(__doc__)
    checks = kit.Checks('daemon')
    folder = servers.temp_dir()
    programs.for_everybody(folder)
    definitions = kit.make_set(os.path.join(folder, 'set'))
    test_command_line(checks, programs)
    test_start_refused(checks, programs, os.path.join(folder, 'start'), definitions)
    test_stale_socket(checks, programs, definitions)
    test_processes(checks, programs, definitions, servers.temp_dir())
    test_hangup(checks, programs, definitions, folder)
    test_log_level(checks, programs, definitions, folder)
    test_log_json(checks, programs, definitions, folder)
    test_log_access(checks, programs, definitions, folder)
    test_drop(checks, programs, definitions, folder)
    test_plain_user(checks, programs, definitions)
    test_supervisor_killed(checks, programs, definitions)
    test_second_signal(checks, programs, definitions)
    test_shard_killed(checks, programs, definitions)
    test_compiler_killed(checks, programs, folder)
    test_unreadable_set(checks, programs, folder)
    return checks.finish()


if __name__ == '__main__':
    sys.exit(main())
