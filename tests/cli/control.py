#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""control - `baleen status`, `reload` and `drain` against a running engine and against none.

    control.py --engine BALEEND --baleen BALEEN
"""

import json
import os
import re
import socket
import subprocess
import sys
import threading

import kit
import servers


def test_status(checks, engine):
    result = engine.baleen('status')
    checks.equal((result.code, result.err), (0, ''), 'status: exit code 0')
    for pattern, what in ((r'^baleend +\d+\.\d+\.\d+, process %d, up 0m \d+s, (io_uring|epoll)$' % engine.pid,
                           'engine'),
                          (r'^definitions +cli 20261120\.001, 2 signatures, loaded \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d '
                           r'GMT$', 'definitions'),
                          (r'^ISTag +%s$' % engine.istag().strip('"'), 'ISTag, the one that clients get'),
                          (r'^ +1 +%d +0 +\d+ +\d+$' % engine.shard_pids()[1], 'shard 1')):
        checks.check(re.search(pattern, result.out, re.M), 'status shows the %s' % what, result.out)
    checks.check(' 0\n' not in result.out.partition('\n\n')[2].partition('\n\n')[2],
                 'status leaves out counters that are zero', result.out)
    result = engine.baleen('status', '--json')
    status = json.loads(result.out)
    checks.equal((result.code, status['ok'], status['pid'], status['draining'], status['ready']),
                 (0, True, engine.pid, False, True), 'status --json')
    checks.equal({shard['index']: shard['pid'] for shard in status['shards']}, engine.shard_pids(),
                 'status --json: the shards are the processes that run')
    checks.equal({key: (max if key == 'turn_us' else sum)(shard['counters'][key] for shard in status['shards'])
                  for key in status['totals']},
                 status['totals'], 'status --json: totals are the sums, of the longest turn the highest')


def test_counters(checks, engine):
    """What was asked is what is counted."""
    before = engine.control('status')['totals']
    for body in (b'clean', kit.EICAR, kit.filler(100000)):
        kit.respmod(engine.port, body)
    after = engine.control('status')['totals']
    grown = {key: after[key] - before[key] for key in ('requests_respmod', 'verdict_clean', 'verdict_infected',
                                                       'bytes_scanned', 'answers_204', 'answers_201')}
    checks.equal(grown, {'requests_respmod': 3, 'verdict_clean': 2, 'verdict_infected': 1,
                         'bytes_scanned': 100005 + len(kit.EICAR), 'answers_204': 2, 'answers_201': 1},
                 'counters count')


def test_reload(checks, engine, folder):
    tag = engine.istag()
    result = engine.baleen('reload')
    checks.equal((result.code, result.out), (0, 'definitions 20261120.001, unchanged, ISTag %s\n' % tag.strip('"')),
                 'reload of the same set changes nothing')
    kit.make_set(folder, 2, b'CLI-MARKER-' + b'TWO')
    result = engine.baleen('reload')
    checks.check(result.code == 0 and result.out.startswith('definitions 20261120.002 in use, ISTag '),
                 'reload of a changed set', result)
    checks.check(engine.istag() != tag and engine.istag().strip('"') in result.out,
                 'when reload answers, clients see the new ISTag', (tag, engine.istag(), result.out))
    checks.equal([kit.respmod(engine.port, b'CLI-MARKER-' + which)[0] for which in (b'ONE', b'TWO')], [204, 201],
                 'and the new set finds')
    kit.make_set(folder, 3)
    answer = json.loads(engine.baleen('reload', '--json').out)
    checks.equal((answer['ok'], answer['changed'], answer['version']), (True, True, '20261120.003'), 'reload --json')


def test_refused(checks, engine, folder):
    """A set that is broken leaves everything as it was, and the reason comes back."""
    tag = engine.istag()
    kit.write(os.path.join(folder, 'set.yaml'), 'sequence: many\n')
    result = engine.baleen('reload')
    checks.check(result.code == 2 and result.out == '' and result.says(r'^baleen: reload refused: .*set\.yaml',
                                                                       'sequence'),
                 'a broken set.yaml: exit code 2 and the reason', result)
    answer = engine.baleen('reload', '--json')
    checks.equal((answer.code, json.loads(answer.out)['ok']), (2, False), 'the same with --json')
    kit.make_set(folder, 4)
    kit.write(os.path.join(folder, 'cli.ndb'), 'this is no signature\n')
    result = engine.baleen('reload')
    checks.check(result.code == 2 and result.says('^baleen: reload refused: '), 'a set without a usable line', result)
    os.rename(folder, folder + '.away')
    result = engine.baleen('reload')
    checks.check(result.code == 2 and result.says('^baleen: reload refused: ', re.escape(folder)), 'no set at all',
                 result)
    os.rename(folder + '.away', folder)
    checks.equal((engine.istag(), kit.respmod(engine.port, kit.MARKER)[0]), (tag, 201), 'the old set stays')
    kit.make_set(folder, 3)
    checks.equal(engine.baleen('reload').code, 0, 'and a good one is taken again')


def test_older(checks, engine, folder):
    kit.make_set(folder, 2, b'CLI-MARKER-' + b'OLD')
    result = engine.baleen('reload')
    checks.check(result.code == 2 and result.says('^baleen: reload refused: ', r'\b2\b', r'\b3\b'),
                 'an older set is refused; both sequences are named', result)
    checks.equal(kit.respmod(engine.port, kit.MARKER)[0], 201, 'the newer one goes on')
    result = engine.baleen('reload', '--older')
    checks.check(result.code == 0 and result.out.startswith('definitions 20261120.002 in use'),
                 'reload --older takes it',
                 result)
    checks.equal([kit.respmod(engine.port, body)[0] for body in (kit.MARKER, b'CLI-MARKER-OLD')], [204, 201],
                 'and it is in use')
    kit.make_set(folder, 1)
    checks.equal(engine.baleen('reload').code, 2, '--older holds for one reload')
    kit.make_set(folder, 2, b'CLI-MARKER-' + b'OLD')
    checks.equal(engine.baleen('reload').code, 0, 'a set of the same sequence is no older one')
    for command in ('status', 'drain'):
        result = engine.baleen(command, '--older')
        checks.check(result.code == 2 and result.says('^baleen: .*--older'), '%s --older is wrong use' % command,
                     result)


def test_previous(checks, engine, folder):
    """Back to the set before, and forward again."""
    tag = engine.istag()
    kit.make_set(folder, 4, b'CLI-MARKER-' + b'FOUR')
    checks.equal(engine.baleen('reload').code, 0, 'a newer set')
    result = engine.baleen('reload', '--previous')
    checks.check(result.code == 0 and engine.istag() == tag, 'reload --previous leads back to the set before', result)
    status = engine.baleen('status')
    checks.check('rolled back' in status.out, 'status says so', status)
    checks.equal(json.loads(engine.baleen('status', '--json').out)['definitions']['rolled_back'], True,
                 'and status --json')
    result = engine.baleen('reload')
    checks.check(result.code == 0 and 'unchanged' in result.out and engine.istag() == tag,
                 'a plain reload does not lead forward', result)
    result = engine.baleen('reload', '--previous')
    checks.check(result.code == 0 and engine.istag() != tag, 'reload --previous again does', result)
    checks.check('rolled back' not in engine.baleen('status').out, 'and status says nothing more')
    for words in (('status', '--previous'), ('reload', '--previous', '--older')):
        result = engine.baleen(*words)
        checks.check(result.code == 2 and result.says('^baleen: .*--previous'), '%s is wrong use' % ' '.join(words),
                     result)


def test_many(checks, engine, folder):
    """Several at once: each gets its answer."""
    kit.make_set(folder, 5, extra=''.join('Fill.%d:0:*:%s\n' % (i, os.urandom(24).hex()) for i in range(3000)))
    results = []
    threads = [threading.Thread(target=lambda: results.append(engine.baleen('reload'))) for _ in range(8)]
    for thread in threads:
        thread.start()
    result = engine.baleen('status')
    for thread in threads:
        thread.join()
    checks.equal([reload.code for reload in results], [0] * 8, 'eight reloads at once: all are answered')
    checks.equal({reload.out.partition(',')[0].split()[1] for reload in results}, {'20261120.005'},
                 'with the definitions that are then in use')
    checks.check(result.code == 0 and result.seconds < 5, 'status is answered meanwhile', result)


def test_hostile(checks, engine):
    """What else may come over the control socket."""
    for line, wanted in ((b'\n', False), (b'[]\n', False), (b'{"command":7}\n', False),
                         (b'{"command":"burn"}\n', False),
                         (b'\xff\xfe\n', False), (b'[' * 4000 + b'\n', False), (b'x' * 4095, False),
                         (b'{"command":"version"}\n{"command":"drain"}\n', True)):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(engine.control_path)
            sock.sendall(line)
            try:
                answer = json.loads(kit.receive_all(sock))
            except (OSError, ValueError) as error:
                answer = error
        checks.check(isinstance(answer, dict) and answer.get('ok') is wanted and ('error' in answer) is not wanted,
                     'control socket: %r' % line[:24], answer)
    silent = []
    for _ in range(40):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(engine.control_path)
        silent.append(sock)
    checks.equal(kit.respmod(engine.port, b'clean')[0], 204, 'silent clients of the control socket disturb nobody')
    for sock in silent:
        sock.close()
    checks.check(servers.wait_until(lambda: engine.baleen('status').code == 0, 5), 'and are forgotten')


def test_wrong_use(checks, engine):
    for words in (('status', '--nonsense'), ('status', 'now'), ('reload', '--wait=1'), ('burn',), ()):
        result = engine.baleen(*words)
        checks.check(result.code == 2 and result.out == '', 'wrong use: baleen %s' % ' '.join(words), result)
    for command in ('status', 'reload', 'drain'):
        result = engine.baleen(command, '--help')
        checks.check(result.code == 0 and '--older' in result.out and result.err == '', '%s --help' % command, result)
    checks.check(engine.is_running(), 'none of this stopped the engine')


def test_drain(checks, engine):
    """A request that runs is answered, new ones are not taken, and the engine ends well."""
    with socket.create_connection((kit.HOST, engine.port), 10) as sock:
        sock.settimeout(20)
        http = b'HTTP/1.1 200 OK\r\n\r\n'
        sock.sendall(b'RESPMOD icap://%s/SYMCScanResp-AV ICAP/1.0\r\nHost: a\r\nAllow: 204\r\n'
                     b'Encapsulated: res-hdr=0, res-body=%d\r\n\r\n%s5\r\nbegun\r\n'
                     % (kit.HOST.encode(), len(http), http))
        servers.wait_until(lambda: engine.control('status')['totals']['requests_active'], 5)
        result = engine.baleen('drain')
        checks.equal((result.code, result.out), (0, 'draining\n'), 'drain')
        checks.check(servers.wait_until(lambda: not servers.answers_tcp(engine.port), 5),
                     'no new connection is taken while it drains')
        status = engine.baleen('status', '--json')
        checks.check(status.code == 0 and json.loads(status.out)['draining'], 'status says that it drains', status)
        sock.sendall(b'0\r\n\r\n')
        answer = kit.receive_all(sock)
        checks.check(answer.startswith(b'ICAP/1.0 204 '), 'the running request is answered', answer[:200])
    checks.equal(engine.wait(10), 0, 'then the engine ends with 0')
    checks.check(not os.path.exists(engine.control_path), 'its control socket is gone')
    checks.check(kit.port_is_free(engine.port), 'its port is free')


def test_no_engine(checks, engine):
    for words in (('status',), ('status', '--json'), ('reload',), ('drain',)):
        result = engine.baleen(*words)
        checks.check(result.code == 2 and result.out == '' and
                     result.says('^baleen: no engine answers at %s$' % re.escape(engine.control_path)),
                     'no engine: %s' % ' '.join(words), result)
    kit.write(engine.control_path, b'')
    result = engine.baleen('status')
    checks.check(result.code == 2 and result.says('^baleen: '), 'something else at the path of the socket', result)
    os.unlink(engine.control_path)


def test_vanishing(checks, programs, folder):
    """An engine that ends before it has answered."""
    path = os.path.join(folder, 'mute.sock')
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(path)
        mute.listen(1)
        asking = subprocess.Popen([programs.baleen, '-s', 'control_socket=' + path, 'reload'], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        client, _ = mute.accept()
        line = client.recv(4096)
        client.close()
        out, err = asking.communicate(timeout=20)
    checks.equal(line, b'{"command":"reload"}\n', 'what is sent is one line')
    checks.check(asking.returncode == 2 and out == b'' and err.startswith(b'baleen: '),
                 'an engine that vanishes is told',
                 (asking.returncode, err))


def main():
    programs = kit.Programs(__doc__)
    checks = kit.Checks('control')
    folder = servers.temp_dir()
    definitions = kit.make_set(os.path.join(folder, 'set'))
    engine = kit.Engine(programs, definitions=definitions, options=[('shards', '2'), ('definitions.watch', 'false')])
    checks.watch(engine)
    engine.start()
    test_status(checks, engine)
    test_counters(checks, engine)
    test_reload(checks, engine, definitions)
    test_refused(checks, engine, definitions)
    test_older(checks, engine, definitions)
    test_previous(checks, engine, definitions)
    test_many(checks, engine, definitions)
    test_hostile(checks, engine)
    test_wrong_use(checks, engine)
    test_drain(checks, engine)
    test_no_engine(checks, engine)
    test_vanishing(checks, programs, folder)
    return checks.finish()


if __name__ == '__main__':
    sys.exit(main())
