#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""defs - `baleen defs check`, `compile` and `inspect` on definition sets, without an engine.

    defs.py --engine BALEEND --baleen BALEEN
"""

import json
import os
import stat
import sys

import kit
import servers

BODIES = ('T.One:0:*:f3d19ab7c4e2918ad7b6\n'
          'T.Two:0:*:F3D19AB7C4E2918AD7B6\n'      # The same again.
          'T.One:0:*:a7b6c5d4e3f201928374\n'      # The same name.
          'T.Place:0:0:4d5a9f\n'
          'T.Old:0:*:a1a2a3a4a5a6a7a8:1:9\n'      # For another level.
          'no signature\n')
HASHES = '0123456789abcdef0123456789abcdef:10:T.Hash\n'


def make(folder):
    os.makedirs(folder, exist_ok=True)
    kit.write(os.path.join(folder, 'a.ndb'), BODIES)
    kit.write(os.path.join(folder, 'b.hdb'), HASHES)
    kit.write(os.path.join(folder, 'c.cbc'), 'bytecode\n')
    kit.write(os.path.join(folder, 'set.yaml'), 'name: mine\nversion: 20261120.001\nsequence: 7\n')
    return folder


def test_check(checks, defs, folder):
    result = defs('check', folder)
    checks.equal(result.code, 0, 'a set with faults is good')
    checks.check('%s/a.ndb:6: expected Name' % folder in result.out, 'the line that cannot be used is listed', result)
    checks.check('%s/c.cbc: left out' % folder in result.out, 'so is the file that is left out', result)
    for text in ('lines       7: 5 used, 1 skipped, 1 unusable, 0 slow',
                 'body signatures                            6: 4 used, 1 skipped, 1 unusable, 0 slow',
                 'hashes of files                            1: 1 used, 0 skipped, 0 unusable, 0 slow',
                 'the same signature again: 1\n  %s/a.ndb:2: T.Two, as T.One at %s/a.ndb:1\n' % (folder, folder),
                 'another signature of the same name: 1\n  %s/a.ndb:3: T.One' % folder,
                 'search: 4 signatures: 3 by triggers, 1 compared in place, 0 looked at in every body'):
        checks.check(text in result.out, 'check says %r' % text.split('\n')[0], result)
    strict = defs('check', folder, '--strict')
    checks.check(strict.code == 1 and 'strict' in strict.err, '--strict refuses it', strict)


def test_check_json(checks, defs, folder):
    result = defs('check', folder, '--json')
    answer = json.loads(result.out)
    checks.equal((answer['usable'], answer['lines'], answer['lines_used'], answer['sequence']), (True, 7, 5, 7),
                 'check --json: the sums')
    checks.equal([(os.path.basename(row['file']), row['line']) for row in answer['problems']],
                 [('a.ndb', 6), ('c.cbc', 0)], 'the problems')
    checks.equal(answer['formats']['body signatures'],
                 {'lines': 6, 'used': 4, 'skipped': 1, 'unusable': 1, 'slow': 0}, 'the formats')
    checks.equal([(row['name'], row['line'], row['first_name'], row['first_line']) for row in answer['repeated']],
                 [('T.Two', 2, 'T.One', 1)], 'what is there twice')
    checks.equal([(row['name'], row['line']) for row in answer['same_name']], [('T.One', 3)], 'names used twice')
    triggers = answer['triggers']
    checks.equal((triggers['signatures'], triggers['triggered'], triggers['in_place'], triggers['always']),
                 (4, 3, 1, 0), 'how signatures are looked for')
    checks.equal((sum(triggers['by_length'].values()), sum(row['signatures'] for row in triggers['by_hits'])), (3, 3),
                 'each of them once by length and by hits')


def test_refused(checks, defs, folder):
    empty = os.path.join(folder, 'empty')
    os.makedirs(empty)
    for path, text in ((empty, 'no definition set'), (os.path.join(folder, 'none'), 'No such file'),
                       ('/dev/null', 'neither a folder nor a package')):
        result = defs('check', path)
        checks.check(result.code == 1 and text in result.err and result.out == '', 'refused: %s' % text, result)
        answer = json.loads(defs('check', path, '--json').out)
        checks.check(answer['usable'] is False and text in answer['error'], 'and in JSON', answer)
    for words in ((), ('check',), ('check', '--json'), ('burn', folder), ('check', folder, 'more'),
                  ('check', folder, '--cache'), ('compile', folder), ('check', folder, '--key', '/dev/null')):
        checks.equal(defs(*words).code, 2, 'wrong use: defs %s' % ' '.join(words))


def test_cache(checks, defs, folder, cache):
    image = os.path.join(os.path.dirname(cache), 'image')

    def compile_once():
        result = defs('compile', folder, '-o', image, '--cache', cache)
        checks.equal(result.code, 0, 'compile with a cache')
        with open(image, 'rb') as file:
            return file.read()

    def images():
        return [name for name in os.listdir(cache) if name.startswith('image-')]

    first = compile_once()
    checks.equal((len(images()), oct(os.stat(cache).st_mode & 0o777)), (1, '0o700'), 'one image is kept, for us alone')
    checks.equal(compile_once(), first, 'the second image is the first')
    path = os.path.join(cache, images()[0])
    with open(path, 'r+b') as file:
        file.seek(100)
        file.write(b'damaged!')
    checks.equal(compile_once(), first, 'a damaged entry does no harm')
    kit.write(os.path.join(folder, 'd.ndb'), 'T.More:0:*:9c8b7a6958473625\n')
    checks.check(compile_once() != first and len(images()) == 2, 'another content is another entry', images())
    os.unlink(os.path.join(folder, 'd.ndb'))
    answers = [json.loads(defs('inspect', what, '--json', *more).out)
               for what, more in ((folder, ()), (folder, ('--cache', cache)))]
    checks.equal(answers[0]['content'], answers[1]['content'], 'inspect: with a cache and without')
    checks.equal((answers[0]['formats'], answers[0]['digest']), (answers[1]['formats'], answers[1]['digest']),
                 'counts and digest too')


def test_device(checks, defs, folder, base):
    """What is no regular file is not replaced by one: somebody's device would be gone."""
    pipe = os.path.join(base, 'pipe')
    os.mkfifo(pipe)
    result = defs('compile', folder, '-o', pipe)
    checks.check(result.code == 2 and 'not supported' in result.err, 'an output that is no regular file', result.err)
    checks.check(stat.S_ISFIFO(os.stat(pipe).st_mode), 'it is still there')
    checks.equal([name for name in os.listdir(base) if name.startswith('pipe')], ['pipe'], 'and nothing beside it')


def main():
    programs = kit.Programs(__doc__)
    checks = kit.Checks('defs')
    base = servers.temp_dir('baleen-cli-')
    folder = make(os.path.join(base, 'set'))

    def defs(*words):
        return kit.run(programs.baleen, 'defs', *words)

    test_check(checks, defs, folder)
    test_check_json(checks, defs, folder)
    test_refused(checks, defs, os.path.join(base, 'set2'))
    test_cache(checks, defs, folder, os.path.join(base, 'cache'))
    test_device(checks, defs, folder, base)
    return checks.finish()


if __name__ == '__main__':
    sys.exit(main())
