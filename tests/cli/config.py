#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""config - `baleend --check` and `baleen config` on good files and on wrong ones.

    config.py --engine BALEEND --baleen BALEEN

A mistake has to come back as one line that names file, line and key and says what is allowed, with exit code 2, and
nothing may have been started.
"""

import os
import re
import stat
import sys

import kit
import servers

GOOD = '''# The engine of the second floor.
listen: [127.0.0.1:1344]     # only this host

icap:
  preview: 4KiB   # bytes
  aliases: {srv: {service: AVSCAN, profile: standard}}
filemod:
  roots:
    - /srv/a
    - "/srv/b c"   # with a blank
limits: {body: 2GiB, time: 120s}
'''

# Text of the file, the line of the mistake, the key it is about, what the line has to say besides.
MISTAKES = (
    ('icap:\n  previw: 5\n', 2, 'icap.previw', 'no such key.*icap.preview'),
    ('icap.previw: 5\n', 1, 'icap.previw', 'icap.preview'),
    ('nonsense: 1\n', 1, 'nonsense', 'no such key'),
    ('shards: many\n', 1, 'shards', "'many' is not a number from 1 to 1024, or auto"),
    ('shards: 0\n', 1, 'shards', 'from 1 to 1024'),
    ('shards: 1025\n', 1, 'shards', 'from 1 to 1024'),
    ('shards: -1\n', 1, 'shards', 'from 1 to 1024'),
    ('shards: 1.5\n', 1, 'shards', 'from 1 to 1024'),
    ('shards: [1, 2]\n', 1, 'shards', '1024'),
    ('shards: {a: 1}\n', 1, 'shards', '.'),
    ('shards: 99999999999999999999\n', 1, 'shards', '1024'),
    ('\n\nicap:\n  preview: lots\n', 4, 'icap.preview', 'size in bytes from 0 to 65536'),
    ('icap:\n  preview: 65537\n', 2, 'icap.preview', '65536'),
    ('icap:\n  infected_response: explode\n', 2, 'icap.infected_response', 'replace or forbid'),
    ('icap: 5\n', 1, 'icap', '.'),
    ('icap: [a]\n', 1, 'icap', '.'),
    ('limits:\n  time: soon\n', 2, 'limits.time', 'duration'),
    ('limits:\n  time: 1ms\n', 2, 'limits.time', '10ms'),
    ('limits:\n  body: 2XB\n', 2, 'limits.body', 'size'),
    ('listen: [nowhere]\n', 1, 'listen', '127.0.0.1:1344'),
    ('listen:\n  - 127.0.0.1:1344\n  - 127.0.0.1:99999\n', 3, 'listen', '.'),
    ('listen: [example.com:1344]\n', 1, 'listen', '.'),
    ('listen: []\n', None, 'listen', 'at least one'),
    ('listen_tls: ["127.0.0.1:11344"]\n', None, 'listen_tls', 'empty'),
    ('filemod: {roots: [srv]}\n', 1, 'filemod.roots', 'absolute path'),
    ('filemod: {roots: [/srv/../etc]}\n', 1, 'filemod.roots', r'\.\.'),
    ('definitions: {watch: perhaps}\n', 1, 'definitions.watch', 'true or false'),
    ('log: {level: loud}\n', 1, 'log.level', 'error, warn, info or debug'),
    ('icap: {trickle: {after: 5s}}\n', None, 'icap.trickle.after', 'icap.trickle.rate'),
    ('shards: 1\nshards: 2\n', 2, 'shards', '.'),
    ('control_socket: /%s\n' % ('x' * 108), 1, 'control_socket', '107'),
    ('a: b: c\n', 1, None, '.'),
    ('icap:\n\tpreview: 5\n', 2, None, '.'),
    ('- a\n- b\n', 1, None, '.'),
    ('shards: 1\n---\nshards: 2\n', None, None, '.'),
    ('shards: &a 1\n', 1, None, '.'),
    ('shards: !!str 1\n', 1, None, '.'),
    ('shards: "1\n', None, None, '.'),
    ('shards: 1\0\n', 1, None, 'NUL'),
    ('shards: \udcff\n', 1, None, '.'),
)

OVERRIDE_MISTAKES = (
    ('shards=0', r'^(baleend: )?-s shards: .*from 1 to 1024, or auto'),
    ('icap.previw=1', r'^(baleend: )?-s icap\.previw: no such key.*icap\.preview'),
    ('listen=', r'listen: at least one address'),
    ('icap=5', r'-s icap'),
    ('log.level=', r'-s log\.level: .*error, warn, info or debug'),
    ('listen=[127.0.0.1:1344', r'-s listen'),
    ('shards=1\n', r'-s shards'),
)


def commands(programs, path):
    """All that read a configuration and must refuse a wrong one in the same words."""
    return (('baleend --check', [programs.baleend, '--check', '-c', path]),
            ('baleend', [programs.baleend, '-c', path]),
            ('config check FILE', [programs.baleen, 'config', 'check', path]),
            ('config check -c', [programs.baleen, '-c', path, 'config', 'check']),
            ('config get', [programs.baleen, 'config', 'get', 'shards', '-c', path]),
            ('status', [programs.baleen, '-c', path, 'status']),
            ('scan', [programs.baleen, '-c', path, 'scan', path]))


def test_mistakes(checks, programs, folder):
    path = os.path.join(folder, 'wrong.yaml')
    for text, line, key, wanted in MISTAKES:
        kit.write(path, text.encode('utf-8', 'surrogateescape'))
        place = re.escape(path) + (':%d: ' % line if line else r'(:\d+)?: ')
        what = '^(baleend: )?' + place + (re.escape(key) + ': ' if key else '')
        for name, argv in commands(programs, path)[:2 if key else 1]:
            result = kit.run(*argv, seconds=10)
            checks.check(result.code == 2 and result.out == '' and result.says(what, wanted),
                         '%s: %r' % (name, text[:40]), result)
    lines = set()
    for name, argv in commands(programs, path):
        result = kit.run(*argv, seconds=10)
        checks.check(result.code == 2 and result.out == '' and result.says('.'), '%s refuses it' % name, result)
        lines.add(re.sub('^baleend: ', '', result.err))
    checks.equal(len(lines), 1, 'all say it in the same words')
    checks.equal(sorted(os.listdir(folder)), ['wrong.yaml'], 'nothing was started or made')
    os.unlink(path)


def test_unreadable(checks, programs, folder):
    missing = os.path.join(folder, 'missing.yaml')
    fifo = os.path.join(folder, 'fifo.yaml')
    os.mkfifo(fifo)
    large = kit.write(os.path.join(folder, 'large.yaml'), '# %s\n' % ('x' * 80) * 20000)
    for path, reason in ((missing, 'No such file'), (folder, 'not a regular file'), (fifo, 'not a regular file'),
                         (large, 'larger than')):
        for name, argv in commands(programs, path):
            result = kit.run(*argv, seconds=10)
            checks.check(result.code == 2 and result.out == '' and result.says(re.escape(path), reason),
                         '%s: %s: %s' % (name, os.path.basename(path), reason), result)
    entry, prefix = kit.plain_user()
    secret = kit.write(os.path.join(folder, 'secret.yaml'), GOOD, mode=0)
    result = kit.run(*prefix, programs.baleend, '--check', '-c', secret)
    checks.check(result.code == 2 and result.says(re.escape(secret), 'Permission denied'),
                 'a file that %s may not read' % entry.pw_name, result)
    for path in (fifo, large, secret):
        os.unlink(path)


def test_overrides(checks, programs, folder):
    for override, wanted in OVERRIDE_MISTAKES:
        for argv in ([programs.baleend, '--check', '-s', override], [programs.baleend, '-s', override],
                     [programs.baleen, '-s', override, 'config', 'check']):
            result = kit.run(*argv, seconds=10)
            checks.check(result.code == 2 and result.out == '' and result.says(wanted),
                         '%s -s %r' % (os.path.basename(argv[0]), override), result)
    for argv in ([programs.baleend, '-s', 'shards'], [programs.baleen, '-s', 'shards', 'status'],
                 [programs.baleend, '-s'],
                 [programs.baleend, '-c'], [programs.baleen, 'status', '-c']):
        result = kit.run(*argv, seconds=10)
        checks.check(result.code == 2 and result.out == '' and result.err != '',
                     'wrong use: %s %s' % (os.path.basename(argv[0]), ' '.join(argv[1:])), result)

    path = kit.write(os.path.join(folder, 'good.yaml'), GOOD)

    def get(key, *more):
        return kit.run(programs.baleen, '-c', path, *more, 'config', 'get', key).out.rstrip('\n')

    checks.equal(get('icap.preview'), '4096', 'the value of the file')
    checks.equal(get('icap.preview', '-s', 'icap.preview=5'), '5', '-s wins over the file')
    checks.equal(get('icap.preview', '-s', 'icap.preview=5', '-s', 'icap.preview=6'), '6', 'the last -s wins')
    checks.equal(get('icap.preview', '-sicap.preview=7'), '7', '-s without a blank')
    checks.equal(get('filemod.roots'), '[/srv/a, "/srv/b c"]', 'a list of the file')
    checks.equal(get('filemod.roots', '-s', 'filemod.roots=/x', '-s', 'filemod.roots=/y'), '[/x, /y]',
                 'the first -s replaces a list, a further one adds to it')
    checks.equal(get('log.level'), 'info', 'a default')
    checks.equal(get('state_dir', '-s', 'state_dir=/a b/c=d'), '/a b/c=d', 'a value with a blank and =')
    os.unlink(path)


def test_good(checks, programs, folder):
    path = kit.write(os.path.join(folder, 'good.yaml'), GOOD)
    for name, argv in commands(programs, path)[2:4]:
        result = kit.run(*argv)
        checks.check(result.code == 0 and result.err == '' and len(result.out.splitlines()) == 1, '%s: good' % name,
                     result)
    result = kit.run(programs.baleend, '--check', '-c', path)
    checks.equal((result.code, result.out, result.err), (0, 'the configuration is valid\n', ''),
                 'baleend --check: good')
    everything = kit.run(programs.baleen, '-c', path, 'config', 'get')
    checks.equal(everything.code, 0, 'config get of everything')
    kit.write(path, everything.out)
    checks.equal(kit.run(programs.baleen, '-c', path, 'config', 'get').out, everything.out,
                 'can be used as a file that means the same')
    kit.write(path, '')
    checks.equal(kit.run(programs.baleend, '--check', '-c', path).code, 0, 'an empty file means the defaults')
    result = kit.run(programs.baleen, 'config', 'get', 'icap.previw')
    checks.check(result.code == 2 and result.says(r"'icap\.previw'"), 'config get of no key', result)
    os.unlink(path)


def test_reference(checks, programs):
    result = kit.run(programs.baleen, 'config', 'reference')
    rows = re.findall(r'^\| `([a-z0-9_.]+)` \| .+ \| `.*` \| .+\. .*\|$|^\| `([a-z0-9_.]+)` ', result.out, re.M)
    keys = [first or second for first, second in rows]
    checks.equal(result.code, 0, 'config reference')
    checks.check(len(keys) > 50 and len(set(keys)) == len(keys), 'it has every key once', len(keys))
    everything = kit.run(programs.baleen, 'config', 'get').out
    leaves = len(re.findall(r'^ *[a-z0-9_]+: \S', everything, re.M))
    checks.equal(len(keys), leaves, 'the reference and the file of all values have the same keys')
    for key in keys:
        result = kit.run(programs.baleen, 'config', 'get', key)
        if result.code != 0:
            checks.check(False, 'config get %s' % key, result)


def test_set(checks, programs, folder):
    path = kit.write(os.path.join(folder, 'set.yaml'), GOOD, mode=0o640)

    def put(key, value, file=path):
        return kit.run(programs.baleen, '-c', file, 'config', 'set', key, value)

    def text(file=path):
        with open(file) as handle:
            return handle.read()

    checks.equal(put('icap.preview', '8KiB').code, 0, 'config set')
    checks.equal(re.sub(r'(?m)^  preview: \S+', '  preview: 4KiB', text()), GOOD,
                 'changes the value and nothing else: comments stay')
    checks.equal(kit.run(programs.baleen, '-c', path, 'config', 'get', 'icap.preview').out, '8192\n',
                 'to what was asked')
    checks.equal(stat.S_IMODE(os.stat(path).st_mode), 0o640, 'the mode stays')
    before = text()
    put('log.level', 'debug')
    checks.check(all(line in text().splitlines() for line in before.splitlines()) and 'debug' in text(),
                 'a key that was not there is added', text())
    put('filemod.roots', '[/srv/x, /srv/y z]')
    checks.equal(kit.run(programs.baleen, '-c', path, 'config', 'get', 'filemod.roots').out, '[/srv/x, "/srv/y z"]\n',
                 'a list is replaced')
    checks.check('# The engine of the second floor.\n' in text() and '# only this host' in text(),
                 'comments still stay',
                 text())
    before = text()
    for key, value, wanted in (('icap.preview', 'lots', '65536'), ('icap.previw', '5', 'no such key'),
                               ('icap', '5', 'icap'), ('listen', '[]', 'at least one'), ('shards', '0', '1024')):
        result = put(key, value)
        checks.check(result.code == 2 and result.out == '' and result.says(wanted),
                     'config set %s %s is refused' % (key, value),
                     result)
    checks.equal(text(), before, 'and leaves the file alone')
    checks.equal(os.listdir(folder), ['set.yaml'], 'and nothing beside it')
    test_set_places(checks, programs, folder, path, put, text)


def test_set_places(checks, programs, folder, path, put, text):
    """Links, new files, files that are wrong already, and a missing -c."""
    link = os.path.join(folder, 'link.yaml')
    os.symlink('set.yaml', link)
    checks.equal(put('shards', '3', link).code, 0, 'through a link')
    checks.check(os.path.islink(link) and '3' in kit.run(programs.baleen, '-c', path, 'config', 'get', 'shards').out,
                 'the file behind it is changed')
    fresh = os.path.join(folder, 'fresh.yaml')
    checks.equal(put('icap.preview', '2048', fresh).code, 0, 'a file that was not there')
    checks.equal(kit.run(programs.baleen, '-c', fresh, 'config', 'get', 'icap.preview').out, '2048\n', 'is made')
    wrong = kit.write(os.path.join(folder, 'wrong.yaml'), 'shards: 0\n')
    result = put('icap.preview', '1', wrong)
    checks.check(result.code == 2 and result.says(r'wrong\.yaml:1: shards: '), 'a file that is wrong is not touched',
                 result)
    checks.equal(text(wrong), 'shards: 0\n', 'at all')
    result = kit.run(programs.baleen, 'config', 'set', 'shards', '1')
    checks.check(result.code == 2 and result.says('-c'), 'config set wants -c', result)
    result = kit.run(programs.baleen, '-c', path, 'config', 'set', 'shards')
    checks.check(result.code == 2 and result.says('value'), 'and a value', result)


def main():
    programs = kit.Programs(__doc__)
    checks = kit.Checks('config')
    programs.for_everybody(servers.temp_dir())
    for test in (test_mistakes, test_unreadable, test_overrides, test_good, test_set):
        test(checks, programs, servers.temp_dir())
    test_reference(checks, programs)
    return checks.finish()


if __name__ == '__main__':
    sys.exit(main())
