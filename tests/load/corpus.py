#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""corpus - the files of `baleen-bench corpus` are what they say, to those who know such files.

    corpus.py --bench BALEEN-BENCH --scan-file SCAN_FILE --set DEFS

Archives, pictures, documents and data are read by Python's own readers, programs by readelf and objdump where they are
installed. The infected files, and no others, are found by our matcher and by clamscan (where installed), the latter
with the test file's signature at the start of a file only, as ClamAV's own rule has it.
"""

import argparse
import collections
import gzip
import html.parser
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib

# Below these a body is the start of a larger one.
LEAST = {'html': 512, 'css': 256, 'script': 256, 'json': 256, 'image': 512, 'program': 1024, 'archive': 512,
         'pdf': 2048}
EVERYTHING = 'text,html,css,script,json,image:4,font,random,program:3,archive:4,pdf:2'

# The signature of the test file, in hexadecimal: no scanner minds that.
TEST_FILE = ('58354f2150254041505b345c505a58353428505e2937434329377d2445494341522d5354414e444152442d414e5449564952555'
             '32d544553542d46494c452124482b482a')


def check_zip(path, data):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.infolist()


def check_gzip(path, data):
    assert gzip.decompress(data)


def check_tar(path, data):
    with tarfile.open(path) as archive:
        names = [(member.name, len(archive.extractfile(member).read()) == member.size) for member in archive]
    assert names and all(whole for _, whole in names)


def check_png(path, data):
    assert data[:8] == b'\x89PNG\r\n\x1a\n'
    at, chunks = 8, {}
    while 'IEND' not in chunks:
        size, = struct.unpack('>I', data[at:at + 4])
        name, body = data[at + 4:at + 8], data[at + 8:at + 8 + size]
        assert struct.unpack('>I', data[at + 8 + size:at + 12 + size])[0] == zlib.crc32(name + body), name
        chunks[name.decode()] = body
        at += 12 + size
    width, height = struct.unpack('>II', chunks['IHDR'][:8])
    rows = zlib.decompress(chunks['IDAT'])
    assert len(rows) == height * (1 + 3 * width)
    assert not any(rows[::1 + 3 * width])
    return at


def check_gif(path, data):
    assert data[:6] == b'GIF89a'
    at = 13 + 3 * 2 ** (1 + (data[10] & 7))
    while data[at] != 0x3b:
        at += {0x21: 2, 0x2c: 11}[data[at]]
        while data[at]:
            at += 1 + data[at]
        at += 1
    return at + 1


def check_jpeg(path, data):
    assert data[:2] == b'\xff\xd8'
    at, seen = 2, []
    while not seen or seen[-1] != 0xda:
        assert data[at] == 0xff
        seen.append(data[at + 1])
        at += 2 + struct.unpack('>H', data[at + 2:at + 4])[0]
    assert {0xe0, 0xdb, 0xc4, 0xc0} < set(seen)
    end = re.compile(rb'\xff[^\x00]', re.DOTALL).search(data, at)
    assert end.group() == b'\xff\xd9'
    return end.end()


def check_pdf(path, data):
    start = int(re.search(rb'startxref\n(\d+)\n%%EOF\n$', data).group(1))
    lines = data[start:].split(b'\n')
    assert lines[0] == b'xref'
    for number in range(1, int(lines[1].split()[1])):
        assert data[int(lines[2 + number].split()[0]):].startswith(b'%d 0 obj\n' % number)
    streams = list(re.finditer(rb'(/Filter /\w+)? /Length (\d+) >>\nstream\n', data))
    assert streams
    for stream in streams:
        body = data[stream.end():stream.end() + int(stream.group(2))]
        assert data[stream.end() + len(body):].startswith(b'\nendstream\nendobj\n')
        if stream.group(1) == b'/Filter /FlateDecode':
            assert b' Tj ' in zlib.decompress(body)
        elif stream.group(1) == b'/Filter /DCTDecode':
            check_jpeg(path, body)


def check_program(path, data):
    for tool in ('objdump', 'readelf') if data[:4] == b'\x7fELF' else ('objdump',):
        if shutil.which(tool):
            done = subprocess.run([tool, '-h', path], capture_output=True, text=True, check=True)
            assert '.text' in done.stdout or tool == 'readelf'
            assert not done.stderr, done.stderr


class Page(html.parser.HTMLParser):
    """Counts what is open."""
    VOID = ('meta', 'link', 'img', 'input', 'path')

    def __init__(self):
        super().__init__()
        self.open = []
        self.tags = 0

    def handle_starttag(self, tag, attrs):
        self.tags += 1
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags += 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag


def check_html(path, data):
    page = Page()
    page.feed(data.decode('ascii'))
    page.close()
    assert page.tags > 3
    assert not page.open, page.open


def check_json(path, data):
    assert json.loads(data)['items']


def check_text(path, data):
    assert data.isascii()


CHECKS = {'.zip': check_zip, '.gz': check_gzip, '.tar': check_tar, '.png': check_png, '.gif': check_gif,
          '.jpg': check_jpeg, '.pdf': check_pdf, '.exe': check_program, '.elf': check_program, '.html': check_html,
          '.json': check_json, '.css': check_text, '.js': check_text, '.txt': check_text}


def check_files(files):
    """Returns how many of each kind were right, and what was not."""
    right, wrong = collections.Counter(), []
    for file in files:
        with open(file['path'], 'rb') as handle:
            data = handle.read()
        suffix = os.path.splitext(file['path'])[1]
        if file['infected'] and suffix in ('.json', '.js', '.css', '.txt'):
            data = data.split(b'\n', 1)[1]
        try:
            assert os.path.getsize(file['path']) == file['size']
            if suffix in CHECKS and file['size'] >= LEAST.get(file['kind'], 0):
                end = CHECKS[suffix](file['path'], data)
                # Behind a picture stands the marker's archive, or nothing.
                assert end is None or (end < len(data)) == file['infected']
                right[suffix] += 1
        except Exception as error:  # Whatever a reader has to say about a broken file.
            wrong.append('%s: %r' % (file['path'], error))
    return right, wrong


def compare_found(files, found, who):
    """What is infected and was not found, and the other way round."""
    return ['%s: %s, %s' % (file['path'], 'infected' if file['infected'] else 'clean', who)
            for file in files if file['infected'] != (file['path'] in found)]


def find_ours(args, files):
    done = subprocess.run([args.scan_file, args.set, '-'], input='\n'.join(file['path'] for file in files) + '\n',
                          capture_output=True, text=True, check=True)
    rows = (line.split('\t') for line in done.stdout.splitlines())
    return {path for path, name in rows if name != '-'}


def find_clamscan(folder, tree):
    rules = os.path.join(folder, 'test.ndb')
    with open(rules, 'w', encoding='ascii') as handle:
        handle.write('Test.File:0:0:%s\n' % TEST_FILE)
    done = subprocess.run(['clamscan', '-d', rules, '-r', '-i', '--no-summary', '--stdout', tree], capture_output=True,
                          text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return set(re.findall(r'^(.*): Test\.File\S* FOUND$', done.stdout, re.MULTILINE))


def write(args, tree, *options):
    done = subprocess.run([args.bench, 'corpus', '--list', *options, tree], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--bench', required=True)
    parser.add_argument('--scan-file', required=True)
    parser.add_argument('--set', required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix='baleen-corpus.') as folder:
        tree = os.path.join(folder, 'tree')
        files = write(args, tree, '--mix', EVERYTHING, '--sizes', 'lognormal:12k,1.5,512k', '--count', '600',
                      '--infected', '0.3', '--seed', '5')
        right, wrong = check_files(files)
        print('read:', dict(right))
        assert set(right) == set(CHECKS), set(CHECKS) - set(right)
        assert sum(file['infected'] for file in files) == 180
        wrong += compare_found(files, find_ours(args, files), 'our matcher')
        if shutil.which('clamscan'):
            wrong += compare_found(files, find_clamscan(folder, tree), 'clamscan')
        else:
            print('clamscan is not installed: not asked')
        again = subprocess.run([args.bench, 'corpus', tree], capture_output=True, text=True, check=False)
        if again.returncode != 2 or 'File exists' not in again.stderr:
            wrong.append('a corpus was written over another: ' + again.stderr)
    print('\n'.join(wrong) or 'all as they should be')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
