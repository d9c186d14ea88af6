#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scan - `baleen scan` as people and scripts see it.

    scan.py --engine BALEEND --baleen BALEEN
"""

import json
import os
import pty
import re
import subprocess
import sys
import threading

import kit
import servers

LATE = kit.filler(3 * kit.MIB - len(kit.EICAR)) + kit.EICAR

# Name of a file in the folder of odd names, and how the report shows it.
ODD_NAMES = {
    b' leading blank': ' leading blank',
    b'-dash': '-dash',
    b'--json': '--json',
    b'a b  c.txt': 'a b  c.txt',
    b'back\\slash': 'back\\slash',
    b'colon: FOUND': 'colon: FOUND',
    b'new\nline': 'new\\x0aline',
    b'percent%41%zz%': 'percent%41%zz%',
    b'quote"and\'one': 'quote"and\'one',
    b'semi;?&=#': 'semi;?&=#',
    b'trailing blank ': 'trailing blank ',
    'grün-文.txt'.encode(): 'grün-文.txt'.encode().decode('latin-1'),
    b'latin-\xfc.txt': 'latin-\xfc.txt',
}


def make_tree(folder):
    """The tree that most tests scan. Returns its root and what a scan of it says, line by line."""
    root = os.path.join(folder, 'tree')
    inner = os.path.join(root, 'm', 'deep')
    os.makedirs(inner)
    os.mkdir(os.path.join(root, 'void'))
    kit.write(os.path.join(root, 'a-clean.txt'), b'clean\n')
    kit.write(os.path.join(root, 'b-empty'), b'')
    kit.write(os.path.join(root, 'c-eicar.com'), kit.EICAR)
    kit.write(os.path.join(root, 'd-late.bin'), LATE)
    kit.write(os.path.join(root, 'e-large.bin'), kit.filler(3 * kit.MIB))
    kit.write(os.path.join(inner, 'marker.bin'), b'x' * 2000 + kit.MARKER)
    kit.write(os.path.join(inner, 'plain.bin'), kit.filler(1024))
    os.mkfifo(os.path.join(root, 'n-pipe'))
    os.symlink('c-eicar.com', os.path.join(root, 'o-link'))
    os.symlink('m', os.path.join(root, 'p-folder-link'))
    os.symlink('nowhere', os.path.join(root, 'q-broken-link'))
    return root, [
        '%s/a-clean.txt: OK' % root,
        '%s/b-empty: OK' % root,
        '%s/c-eicar.com: %s FOUND' % (root, kit.EICAR_NAME),
        '%s/d-late.bin: %s FOUND' % (root, kit.EICAR_NAME),
        '%s/e-large.bin: OK' % root,
        '%s/m/deep/marker.bin: %s FOUND' % (root, kit.MARKER_NAME),
        '%s/m/deep/plain.bin: OK' % root,
        '%s/n-pipe: Named pipe SKIPPED' % root,
        '%s/o-link: Symbolic link SKIPPED' % root,
        '%s/p-folder-link: Symbolic link SKIPPED' % root,
        '%s/q-broken-link: Symbolic link SKIPPED' % root,
    ]


def snapshot(root):
    """All files below with their content, to show that nothing was touched."""
    content = {}
    for folder, _, names in os.walk(os.fsencode(root)):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, 'rb') as handle:
                    content[path] = handle.read()
    return content


def summary_of(result):
    """The numbers of the readable summary."""
    return {key: int(value) for key, value in re.findall(r'^([A-Z][a-z ]+): (\d+)$', result.out, re.M)}


def requests_by_path(engine):
    return engine.control('status')['totals'].get('requests_filemod', 0)


def test_tree(checks, engine, root, lines):
    """The same verdicts by either way, with one connection and with many; nothing is changed on disk."""
    before = snapshot(root)
    for way in ((), ('--by-stream',), ('--by-path',)):
        for jobs in ('1', '4', '16'):
            result = engine.baleen('scan', root, '-j', jobs, *way)
            text = 'tree, -j %s %s' % (jobs, ' '.join(way))
            checks.equal(result.code, 1, text + ': exit code 1')
            checks.equal(result.out.partition('\n\n')[0].split('\n'), lines, text + ': every file, in order')
            checks.equal(summary_of(result),
                         {'Infected files': 3, 'Scanned files': 7, 'Total errors': 0, 'Skipped': 4},
                         text + ': the summary')
            checks.equal(result.err, '', text + ': no bar, no noise')
    for action in ('scan', 'scandelete', 'scanrepairdelete'):
        engine.baleen('scan', root, '--by-stream', '--action', action)
    checks.equal(snapshot(root), before, 'no file was changed or deleted')


def test_ways(checks, engine, root):
    """Which way the bytes go."""
    def by_path(*words):
        before = requests_by_path(engine)
        engine.baleen('scan', os.path.join(root, 'c-eicar.com'), *words)
        return requests_by_path(engine) - before

    checks.equal(by_path(), 1, 'on this host a file is offered by path')
    checks.equal(by_path('--by-path'), 1, '--by-path sends the path')
    checks.equal(by_path('--by-stream'), 0, '--by-stream sends no path')


def test_outside_roots(checks, engine, folder):
    """The engine opens nothing outside of filemod.roots: by path is an error, else the bytes are streamed."""
    outside = kit.write(os.path.join(folder, 'outside.com'), kit.EICAR)
    result = engine.baleen('scan', outside, '--by-path')
    checks.equal(result.code, 2, 'by path outside of the roots: exit code 2')
    checks.check(result.out.startswith(outside + ': ') and ' ERROR\n' in result.out, 'and an ERROR line', result)
    result = engine.baleen('scan', outside)
    checks.equal(result.code, 1, 'the automatic way streams it and finds')
    checks.check(result.out.startswith('%s: %s FOUND\n' % (outside, kit.EICAR_NAME)), 'and says so', result)


def test_deletion(checks, engine, root):
    """Only who asks for it, by path, loses a file."""
    for action, stays in (('scan', True), ('scandelete', False)):
        victim = kit.write(os.path.join(root, 'victim.com'), kit.EICAR)
        result = engine.baleen('scan', victim, '--by-path', '--action', action)
        checks.equal(result.code, 1, '--action %s finds' % action)
        checks.equal(os.path.exists(victim), stays,
                     '--action %s: the file %s' % (action, 'stays' if stays else 'goes'))
    if os.path.exists(victim):
        os.unlink(victim)


def test_names(checks, engine, root):
    """Odd names by both ways; the report shows each on one line."""
    folder = os.path.join(root, 'odd')
    os.mkdir(folder)
    for name in ODD_NAMES:
        with open(os.path.join(os.fsencode(folder), name), 'wb') as out:
            out.write(kit.EICAR)
    wanted = ['%s/%s: %s FOUND' % (folder, ODD_NAMES[name], kit.EICAR_NAME) for name in sorted(ODD_NAMES)]
    for way in ((), ('--by-stream',)):
        result = engine.baleen('scan', folder, *way)
        checks.equal(result.out.partition('\n\n')[0].split('\n'), wanted, 'odd names %s' % ' '.join(way))
        checks.equal(result.code, 1, 'odd names %s: exit code 1' % ' '.join(way))
    result = engine.baleen('scan', folder, '--by-path')
    seen = result.out.partition('\n\n')[0].split('\n')
    refused = [folder + '/new\\x0aline: ', folder + '/trailing blank : ']
    checks.equal([line for line in seen if not line.startswith(tuple(refused))],
                 [line for line in wanted if not line.startswith(tuple(refused))], 'odd names --by-path')
    checks.equal([line[len(start):].rpartition(' ')[2] for start in refused for line in seen if line.startswith(start)],
                 ['ERROR', 'ERROR'], 'what cannot stand in a header is told')
    result = engine.baleen('scan', '--', '-dash', cwd=folder)
    checks.equal((result.code, result.out.split('\n')[0]), (1, '-dash: %s FOUND' % kit.EICAR_NAME),
                 'a name with a leading dash behind --')
    result = engine.baleen('scan', './--json', 'a b  c.txt', cwd=folder)
    checks.equal(result.out.split('\n')[:2], ['%s: %s FOUND' % (name, kit.EICAR_NAME)
                                              for name in ('./--json', 'a b  c.txt')], 'relative names')
    test_json_names(checks, engine, folder)


def test_wrong_file(checks, engine, root):
    """A path that a header cannot hold must never become the path of another file."""
    folder = os.path.join(root, 'twins')
    odd = os.path.join(folder, 'broken\nX-Odd: line')
    os.makedirs(odd)
    kit.write(os.path.join(folder, 'twin'), b'clean')
    kit.write(os.path.join(folder, 'broken'), b'clean')
    kit.write(os.path.join(folder, 'twin '), kit.EICAR)
    kit.write(os.path.join(odd, 'inner'), kit.EICAR)
    os.symlink('twin ', os.path.join(folder, 'link'))
    for where, name in ((folder, 'twin '), (folder, 'link'), (odd, 'inner')):
        result = engine.baleen('scan', name, cwd=where)
        checks.equal((result.code, result.out.split('\n')[0]), (1, '%s: %s FOUND' % (name, kit.EICAR_NAME)),
                     'the automatic way scans %r itself' % name)
        result = engine.baleen('scan', '--by-path', '--action', 'scandelete', name, cwd=where)
        checks.check(result.code == 2 and result.out.split('\n')[0].endswith(' ERROR'), '%r by path is told' % name,
                     result)
    checks.check(os.path.exists(os.path.join(folder, 'twin')), 'the file with nearly the same name is still there')


def test_json_names(checks, engine, folder):
    result = engine.baleen('scan', folder, '--json')
    entries = [json.loads(line.encode('latin-1')) for line in result.out.splitlines()]
    paths = []
    for entry in entries[:-1]:
        paths.append(bytes.fromhex(entry['path_hex']) if 'path_hex' in entry else entry['path'].encode())
    checks.equal(paths, [os.path.join(os.fsencode(folder), name) for name in sorted(ODD_NAMES)],
                 'odd names --json: each can be told exactly')
    checks.equal([entry['path'] for entry in entries[:-1] if 'path_hex' in entry], [folder + '/latin-?.txt'],
                 'odd names --json: only what is not UTF-8 comes in hex')


def test_json(checks, engine, root):
    result = engine.baleen('scan', root, '--json')
    entries = [json.loads(line) for line in result.out.splitlines()]
    by_name = {os.path.relpath(entry['path'], root): entry for entry in entries[:-1]}
    checks.equal(result.code, 1, '--json: exit code 1')
    checks.equal(by_name['c-eicar.com'], {'path': root + '/c-eicar.com', 'result': 'found', 'name': kit.EICAR_NAME,
                                          'bytes': len(kit.EICAR)}, '--json: a finding')
    checks.equal(by_name['e-large.bin'], {'path': root + '/e-large.bin', 'result': 'ok', 'bytes': 3 * kit.MIB},
                 '--json: a clean file')
    checks.equal(by_name['n-pipe'],
                 {'path': root + '/n-pipe', 'result': 'skipped', 'reason': 'Named pipe', 'bytes': 0},
                 '--json: a file that is skipped')
    summary = entries[-1]['summary']
    checks.check(isinstance(summary.pop('time_ms'), int), '--json: the time is a number')
    checks.equal(summary, {'infected': 3, 'scanned': 7, 'errors': 0, 'skipped': 4,
                           'bytes': 6 + 68 + 6 * kit.MIB + 2000 + len(kit.MARKER) + 1024},
                 '--json: the summary')
    result = engine.baleen('scan', root, '--json', '--no-summary')
    checks.equal(len(result.out.splitlines()), 11, '--no-summary leaves it out')
    result = engine.baleen('scan', root, '-i', '--no-summary')
    checks.equal(len(result.out.splitlines()), 3, '-i prints findings alone')


def test_exit_codes(checks, engine, root):
    clean = os.path.join(root, 'a-clean.txt')
    gone = os.path.join(root, 'gone')
    checks.equal(engine.baleen('scan', clean).code, 0, 'a clean file: 0')
    checks.equal(engine.baleen('scan', os.path.join(root, 'void')).code, 0, 'an empty folder: 0')
    checks.equal(engine.baleen('scan', os.path.join(root, 'b-empty')).code, 0, 'an empty file: 0')
    result = engine.baleen('scan', gone, clean)
    checks.equal(result.code, 2, 'a file that is not there: 2')
    checks.equal(result.out.split('\n')[:2], ['%s: No such file or directory ERROR' % gone, '%s: OK' % clean],
                 'and the others are scanned')
    checks.equal(engine.baleen('scan', gone, os.path.join(root, 'c-eicar.com')).code, 1,
                 'found wins over an error: 1')
    result = engine.baleen('scan', os.path.join(root, 'o-link'))
    checks.equal((result.code, result.out.split('\n')[0]), (1, '%s/o-link: %s FOUND' % (root, kit.EICAR_NAME)),
                 'a link that is named is followed')
    for words in ((), ('--nonsense', clean), ('-j', '0', clean), ('-j', 'x', clean), ('--action', 'burn', clean),
                  ('--by-path', '--by-stream', clean), ('--service', 'a b', clean)):
        result = engine.baleen('scan', *words)
        checks.check(result.code == 2 and result.out == '' and result.says('^baleen: '),
                     'wrong use is told in one line: scan %s' % ' '.join(words), result)


def test_unreadable(checks, engine, folder):
    """What the user may not read is an error by stream, never clean."""
    private = os.path.join(folder, 'tree', 'private')
    os.mkdir(private)
    kit.write(os.path.join(private, 'secret'), kit.EICAR, mode=0)
    kit.write(os.path.join(private, 'open'), b'clean')
    shut = os.path.join(private, 'shut')
    os.mkdir(shut)
    os.chmod(shut, 0)
    _, prefix = kit.plain_user()
    argv = prefix + [engine.programs.baleen, '-s', 'listen=[%s:%d]' % (kit.HOST, engine.port), 'scan', '--by-stream',
                     private]
    result = kit.run(*argv)
    checks.equal(result.code, 2, 'an unreadable file: 2')
    checks.equal(result.out.split('\n')[:3], ['%s/open: OK' % private, '%s/secret: Permission denied ERROR' % private,
                                              '%s: Permission denied ERROR' % shut], 'and is told as such')
    os.chmod(shut, 0o755)
    os.unlink(os.path.join(private, 'secret'))


def run_on_terminal(argv):
    """Runs it with stderr on a terminal; returns exit code, output, and what the terminal got."""
    ours, theirs = pty.openpty()
    shown = []

    def read_terminal():
        try:
            while True:
                piece = os.read(ours, 4096)
                if not piece:
                    return
                shown.append(piece)
        except OSError:
            return  # The last one who wrote is gone.

    reader = threading.Thread(target=read_terminal)
    reader.start()
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs, check=False,
                          timeout=kit.RUN_SECONDS)
    os.close(theirs)
    reader.join()
    os.close(ours)
    return done.returncode, done.stdout.decode(), b''.join(shown).decode()


def test_bar(checks, engine, root):
    code, out, shown = run_on_terminal([engine.programs.baleen, '-s', 'listen=[%s:%d]' % (kit.HOST, engine.port),
                                        'scan',
                                        root])
    checks.equal(code, 1, 'on a terminal: the same exit code')
    checks.check(re.search(r'\r\x1b\[K\[[=> ]{30}\] +\d+%  \d+ of \d+ files', shown), 'on a terminal there is a bar',
                 repr(shown[-300:]))
    checks.check(shown.endswith('\r\x1b[K'), 'and it is gone at the end', repr(shown[-60:]))
    checks.check('\x1b' not in out and '\r' not in out, 'the report itself stays plain')


def test_no_engine(checks, programs, root):
    port = servers.free_port()
    result = kit.run(programs.baleen, '-s', 'listen=[%s:%d]' % (kit.HOST, port), 'scan', root)
    checks.check(result.code == 2 and result.out == '' and result.says('^baleen: ', str(port)),
                 'no engine: 2, and one line that says where it was looked for', result)


def test_dying_engine(checks, engine, root):
    """An engine that goes away in the middle makes errors, not clean files."""
    files = [os.path.join(root, 'd-late.bin')] * 400
    scanning = subprocess.Popen([engine.programs.baleen, '-s', 'listen=[%s:%d]' % (kit.HOST, engine.port), 'scan',
                                 '--by-stream', '--json', *files], bufsize=0, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
    first = scanning.stdout.readline()
    kit.kill_all([engine.pid] + servers.process_tree(engine.pid))
    out, _ = scanning.communicate(timeout=kit.RUN_SECONDS)
    results = [json.loads(line).get('result') for line in [first] + out.splitlines()]
    checks.check('found' in results and 'error' in results and 'ok' not in results and scanning.returncode == 1,
                 'an engine that dies in the middle: errors, and no clean file',
                 (scanning.returncode, {kind: results.count(kind) for kind in set(results)}))
    checks.equal(len(results), 401, 'every file got its line')


def main():
    programs = kit.Programs(__doc__)
    checks = kit.Checks('scan')
    folder = servers.temp_dir()
    programs.for_everybody(folder)
    root, lines = make_tree(folder)
    engine = kit.Engine(programs, definitions=kit.make_set(os.path.join(folder, 'set')),
                        options=[('filemod.roots', '[%s]' % root), ('shards', '2')])
    checks.watch(engine)
    engine.start()
    test_tree(checks, engine, root, lines)
    test_ways(checks, engine, root)
    test_json(checks, engine, root)
    test_bar(checks, engine, root)
    test_exit_codes(checks, engine, root)
    test_outside_roots(checks, engine, folder)
    test_deletion(checks, engine, root)
    test_names(checks, engine, root)
    test_wrong_file(checks, engine, root)
    test_unreadable(checks, engine, folder)
    test_no_engine(checks, programs, root)
    test_dying_engine(checks, engine, root)
    return checks.finish()


if __name__ == '__main__':
    sys.exit(main())
