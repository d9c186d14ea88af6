#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""beside_clamav - the same files, the same definitions: clamscan and clamd beside the engine, on one core.

    beside_clamav.py --build DIR --set DIR [--megabytes N] [--cpu N] [KIND=FOLDER...]

For each KIND up to N megabytes of regular files below FOLDER are scanned in one run by

    clamscan      and by scan_file, our matcher without an engine around it (loading is taken off both: a second run
                  over one small file says what it takes),
    clamdscan     through clamd, and by `baleen scan` through the engine; both get the paths and open the files.

Nothing is unpacked by either: ClamAV's archives, bytecode and decoders of documents are switched off. Server and client
share the core. The figures are files and megabytes a second, and how many times ours are.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

NOTHING_UNPACKED = ['--scan-archive=no', '--bytecode=no', '--scan-mail=no', '--scan-ole2=no', '--scan-pdf=no', '--scan-swf=no',
                    '--max-filesize=400M', '--max-scansize=400M', '--max-scantime=0']

CLAMD_CONF = """\
Foreground yes
LocalSocket {dir}/clamd.sock
DatabaseDirectory {dir}/set
TemporaryDirectory {dir}
MaxThreads 2
MaxFileSize 400M
MaxScanSize 400M
MaxScanTime 0
StreamMaxLength 400M
ScanArchive no
ScanMail no
ScanOLE2 no
ScanPDF no
ScanSWF no
Bytecode no
User root
"""

ENGINE_CONF = """\
listen: ["127.0.0.1:{port}"]
control_socket: {dir}/control.sock
state_dir: {dir}/state
shards: 1
definitions: {{path: {dir}/set, watch: false}}
filemod: {{roots: [/]}}
"""


def files_below(folder, limit):
    found, total = [], 0
    for base, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(base, name)
            if os.path.isfile(path) and not os.path.islink(path) and 0 < os.path.getsize(path) < 16 << 20:
                found.append(path)
                total += os.path.getsize(path)
                if total >= limit:
                    return found, total
    return found, total


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.dir = folder
        self.pin = ['taskset', '-c', str(options.cpu)]
        self.list = os.path.join(folder, 'list')
        self.small = os.path.join(folder, 'small')
        with open(self.small, 'w', encoding='ascii') as file:
            file.write('small\n')

    def timed(self, command, paths):
        with open(self.list, 'w', encoding='utf-8') as file:
            file.write('\n'.join(paths) + '\n')
        began = time.monotonic()
        with open(self.list, encoding='utf-8') as given:
            done = subprocess.run(self.pin + command, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode not in (0, 1):
            sys.exit('%s: %s' % (command[0], done.stderr.decode(errors='replace')[-300:]))
        return time.monotonic() - began

    def without_loading(self, command, paths):
        loading = min(self.timed(command, [self.small]) for _ in range(2))
        return max(self.timed(command, paths) - loading, 1e-6)

    def clamscan(self, paths):
        return self.without_loading(['clamscan', '--database=' + self.options.set, '--no-summary', '--infected', '--stdout',
                                     '--file-list=' + self.list, *NOTHING_UNPACKED], paths)

    def scan_file(self, paths):
        return self.without_loading([os.path.join(self.options.build, 'tests/tools/scan_file'), self.options.set, '-'], paths)

    def start(self, command, ready):
        log = open(os.path.join(self.dir, 'log-' + os.path.basename(command[0])), 'wb')
        process = subprocess.Popen(self.pin + command, stdout=log, stderr=log)
        end = time.monotonic() + 120
        while time.monotonic() < end and process.poll() is None:
            if ready():
                time.sleep(0.5)
                return process
            time.sleep(0.2)
        with open(log.name, errors='replace', encoding='utf-8') as text:
            sys.exit('%s does not start: %s' % (command[0], text.read()[-400:]))

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        process.wait(30)

    def clamd(self):
        conf = os.path.join(self.dir, 'clamd.conf')
        with open(conf, 'w', encoding='utf-8') as file:
            file.write(CLAMD_CONF.format(dir=self.dir))
        return self.start(['clamd', '--config-file=' + conf], lambda: os.path.exists(os.path.join(self.dir, 'clamd.sock')))

    def clamdscan(self, paths):
        return self.timed(['clamdscan', '--config-file=' + os.path.join(self.dir, 'clamd.conf'), '--no-summary', '--infected',
                           '--fdpass', '--file-list=' + self.list], paths)

    def engine(self):
        conf = os.path.join(self.dir, 'engine.yaml')
        with open(conf, 'w', encoding='utf-8') as file:
            file.write(ENGINE_CONF.format(dir=self.dir, port=13997))

        def ready():
            with open(os.path.join(self.dir, 'log-baleend'), errors='replace', encoding='utf-8') as text:
                return ' ready: ' in text.read()

        return self.start([os.path.join(self.options.build, 'tools/baleend'), '-c', conf], ready)

    def scan(self, paths):
        command = [os.path.join(self.options.build, 'tools/baleen'), '-c', os.path.join(self.dir, 'engine.yaml'), 'scan',
                   '--infected', '--no-summary', '--by-path', '-j', '2']
        began = time.monotonic()
        for at in range(0, len(paths), 2000):
            done = subprocess.run(self.pin + command + paths[at:at + 2000], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  check=False)
            if done.returncode not in (0, 1):
                sys.exit('baleen scan: ' + (done.stdout + done.stderr).decode(errors='replace')[-300:])
        return time.monotonic() - began


def show(kind, paths, size, what, theirs, ours):
    print('%-10s %5d files %6.1f MB  %-22s %9.1f files/s %8.2f MB/s   ours %9.1f files/s %8.2f MB/s   %6.1f times'
          % (kind, len(paths), size / 1e6, what, len(paths) / theirs, size / 1e6 / theirs, len(paths) / ours,
             size / 1e6 / ours, theirs / ours), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--build', required=True)
    parser.add_argument('--set', required=True)
    parser.add_argument('--megabytes', type=int, default=40)
    parser.add_argument('--cpu', type=int, default=1)
    parser.add_argument('kinds', nargs='*', default=['programs=/usr/bin', 'docs=/usr/share/doc', 'libraries=/usr/lib'])
    options = parser.parse_args()
    if not all(shutil.which(name) for name in ('clamscan', 'clamd', 'clamdscan')):
        print('skipped: clamscan, clamd or clamdscan is not installed')
        return 77
    kinds = []
    for kind in options.kinds:
        name, _, folder = kind.partition('=')
        kinds.append((name, *files_below(folder, options.megabytes * 1000000)))
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, folder)
        shutil.copytree(options.set, os.path.join(folder, 'set'))
        for name, paths, size in kinds:
            show(name, paths, size, 'clamscan : scan_file', bench.clamscan(paths), bench.scan_file(paths))
        clamd, engine = bench.clamd(), bench.engine()
        for name, paths, size in kinds:
            show(name, paths, size, 'clamdscan : baleen', bench.clamdscan(paths), bench.scan(paths))
        bench.stop(clamd)
        bench.stop(engine)
    return 0


if __name__ == '__main__':
    sys.exit(main())
