#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""adoption - shards that take new definitions over and are disturbed while they do.

    adoption.py --engine BALEEND --baleen BALEEN

A shard is stopped by a signal while messages for it pile up, so that they reach it in one turn of its loop.
"""

import os
import resource
import signal
import sys

import kit
import servers


def start(checks, programs, name, definitions, shards=2):
    engine = kit.Engine(programs, name=name, definitions=definitions,
                        options=[('shards', str(shards)), ('definitions.watch', 'false')])
    checks.watch(engine)
    engine.start()
    servers.wait_until(lambda: engine.control('status')['ready'], 5)
    return engine


def hand_out(checks, engine, definitions, sequence):
    """A new set, as far as the supervisor has sent it to the shards."""
    kit.make_set(definitions, sequence, b'CLI-MARKER-%d' % sequence)
    engine.signal(signal.SIGHUP)
    checks.check(engine.log_has(r'definitions 20261120\.%03d \(' % sequence), 'set %d is handed out' % sequence)


def each_shard(engine, number):
    for pid in engine.shard_pids().values():
        os.kill(pid, number)


def verdicts(engine, *sequences):
    return [kit.respmod(engine.port, b'CLI-MARKER-%d' % sequence)[0] for sequence in sequences]


def settled(engine, sequence):
    """All shards serve the newest generation, hold no other, and their answers say so."""
    status = engine.control('status')
    shards = status['shards']
    return (status['definitions']['version'] == '20261120.%03d' % sequence and status['ready'] and
            len({shard['generation'] for shard in shards}) == 1 and
            status['totals']['generations'] == len(shards) and
            all(engine.istag().strip('"') == status['istag'] for _ in range(8)))


def test_overtaken(checks, programs, definitions):
    """A second set arrives while the first one is being prepared."""
    engine = start(checks, programs, 'overtaken', definitions)
    each_shard(engine, signal.SIGSTOP)
    for sequence in (2, 3, 4):
        hand_out(checks, engine, definitions, sequence)
    each_shard(engine, signal.SIGCONT)
    checks.check(servers.wait_until(lambda: settled(engine, 4), 10), 'the last of three sets is in use everywhere',
                 engine.control('status'))
    checks.equal(verdicts(engine, 2, 3, 4), [204, 204, 201], 'and it is the one that finds')
    checks.equal([shard['counters']['swaps'] for shard in engine.control('status')['shards']], [2, 2],
                 'those that were overtaken were never used')
    kit.make_set(definitions, 5)
    checks.equal(engine.baleen('reload').code, 0, 'and the next one is taken')
    engine.signal(signal.SIGTERM)
    checks.equal(engine.wait(10), 0, 'ends well')


def test_drained(checks, programs, definitions):
    """The order to end reaches a shard together with new definitions."""
    engine = start(checks, programs, 'drained', definitions)
    each_shard(engine, signal.SIGSTOP)
    pids = list(engine.shard_pids().values())
    hand_out(checks, engine, definitions, 6)
    engine.signal(signal.SIGTERM)
    checks.check(engine.log_has('draining'), 'it drains')
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    checks.equal(engine.wait(10), 0, 'a drain while definitions are taken over')


def test_killed(checks, programs, definitions):
    """A shard dies with definitions in its hands: its successor gets them."""
    engine = start(checks, programs, 'killed', definitions)
    victim = engine.shard_pids()[0]
    os.kill(victim, signal.SIGSTOP)
    hand_out(checks, engine, definitions, 7)
    os.kill(victim, signal.SIGKILL)
    checks.check(servers.wait_until(lambda: engine.shard_pids().get(0, victim) != victim, 5), 'it is replaced')
    checks.check(servers.wait_until(lambda: settled(engine, 7), 10), 'its successor has the new set',
                 engine.control('status'))
    checks.equal(verdicts(engine, 6, 7), [204, 201], 'which finds')
    engine.signal(signal.SIGTERM)
    checks.equal(engine.wait(10), 0, 'ends well')


def test_no_memory(checks, programs, definitions):
    """No room for the new image: the old one serves on, and the new one comes as soon as there is room."""
    with open(programs.baleend, 'rb') as file:
        if b'__asan_init' in file.read():
            print('skip  AddressSanitizer needs its address space')
            return
    engine = start(checks, programs, 'memory', definitions)
    pids = list(engine.shard_pids().values())
    tag = engine.istag()
    before = {pid: resource.prlimit(pid, resource.RLIMIT_AS) for pid in pids}
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_AS, (kit.MIB, before[pid][1]))
    hand_out(checks, engine, definitions, 8)
    checks.check(engine.log_has(r'shard \d: definitions not adopted \(Cannot allocate memory\), trying again'),
                 'the log says what is missing')
    checks.equal({engine.istag() for _ in range(8)}, {tag}, 'the old ISTag is told')
    checks.equal(verdicts(engine, 7, 8), [201, 204], 'by the old set')
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_AS, before[pid])
    checks.check(servers.wait_until(lambda: settled(engine, 8), 10), 'with memory it is taken',
                 engine.control('status'))
    checks.equal(verdicts(engine, 7, 8), [204, 201], 'and finds')
    checks.equal(list(engine.shard_pids().values()), pids, 'by the same processes')
    engine.signal(signal.SIGTERM)
    checks.equal(engine.wait(10), 0, 'ends well')


def test_longest_turn(checks, programs, definitions):
    engine = start(checks, programs, 'turn', definitions)
    kit.make_set(definitions, 9)
    checks.equal(engine.baleen('reload').code, 0, 'a reload')
    kit.respmod(engine.port, kit.filler(kit.MIB))
    status = engine.control('status')
    peaks = [shard['counters']['turn_us'] for shard in status['shards']]
    checks.check(max(peaks) > 0, 'status tells the longest turn of each shard', peaks)
    checks.equal(status['totals']['turn_us'], max(peaks), 'and of all the longest one')
    engine.signal(signal.SIGTERM)
    checks.equal(engine.wait(10), 0, 'ends well')


def main():
    programs = kit.Programs(__doc__)
    checks = kit.Checks('adoption')
    definitions = kit.make_set(os.path.join(servers.temp_dir(), 'set'))
    test_overtaken(checks, programs, definitions)
    test_drained(checks, programs, definitions)
    test_killed(checks, programs, definitions)
    test_no_memory(checks, programs, definitions)
    test_longest_turn(checks, programs, definitions)
    return checks.finish()


if __name__ == '__main__':
    sys.exit(main())
