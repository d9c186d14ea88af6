# SPDX-License-Identifier: MIT
"""own - the signatures that come with the tests, and files for them.

Body and logical signatures stand in own/; their specimens and twins are made as those of any set. Hashes are computed
here, from files that are made here: whole files, sections, lists of imports. Beside each file whose hash is known stands
one that differs in a byte. What must not be found has a name that begins with MISSES.
"""

import glob
import hashlib
import os
import shutil
import subprocess

import carrier

MISSES = 'Baleen.Trial.Not.'
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'own')
DIGESTS = ('md5', 'sha1', 'sha256')


class _Maker:
    def __init__(self, database, trial, options):
        self.database = database
        self.trial = trial
        self.write_exe = options.own

    def line(self, extension, text):
        with open(os.path.join(self.database, 'trial.' + extension), 'a', encoding='ascii') as out:
            out.write(text + '\n')

    def file(self, name, data):
        """The next file, named for what should be found in it."""
        return self.trial.add('%03d' % len(self.trial.names), name, data)


def _changed(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def _add_files(make):
    """Hashes of whole files: each kind with the size and without, and allowed ones."""
    for i, kind in enumerate(DIGESTS):
        data = b'\x01a file that is known by its %s\x02' % kind.encode()
        extension = 'hdb' if kind == 'md5' else 'hsb'
        name = 'Baleen.Trial.File.' + kind
        make.line(extension, '%s:%d:%s' % (hashlib.new(kind, data).hexdigest(), len(data), name))
        make.file(name, data)
        make.file(MISSES + name, _changed(data, 3 + i))
        make.file(MISSES + name, data + b'\0')
        make.line(extension, '%s:*:%s.Any:73' % (hashlib.new(kind, data * 2).hexdigest(), name))
        make.file(name + '.Any', data * 2)
        make.line('hsb', '%s:%d:%s.WrongSize' % (hashlib.new(kind, data * 3).hexdigest(), len(data), name))
        make.file(MISSES + name, data * 3)
        allowed = b'\x01BALEEN-TRIAL-ALLOWED %s\x02' % kind.encode()
        make.line('fp' if kind == 'md5' else 'sfp',
                  '%s:%d:%s' % (hashlib.new(kind, allowed).hexdigest(), len(allowed), 'Baleen.Trial.Allow'))
        make.file(MISSES + name, allowed)
        make.file('Baleen.Trial.Allowed', allowed + b'.')
    for level, name in (('241', MISSES + 'Level'), ('1:200', MISSES + 'Level'), ('1:255', 'Baleen.Trial.Level')):
        data = b'\x01of functionality level %s\x02' % level.encode()
        make.line('hdb', '%s:%d:%s:%s' % (hashlib.md5(data).hexdigest(), len(data), name, level))
        make.file(name, data)
    ignored = b'\x01ignored by its name\x02'
    make.line('hdb', '%s:%d:Baleen.Trial.Ignored' % (hashlib.md5(ignored).hexdigest(), len(ignored)))
    make.line('ign2', 'Baleen.Trial.Ignored')
    make.file(MISSES + 'Ignored', ignored)


def _add_sections(make):
    """Hashes of a section's bytes."""
    for i, kind in enumerate(DIGESTS):
        layout = carrier.Layout()
        layout.sections = 3
        layout.in_section.append((i, 0, b'section %d by %s' % (i, kind.encode())))
        data = carrier.build(carrier.PE, layout)
        start = carrier.PE_HEADERS + 0x200 * i
        section = data[start:start + 0x200]
        name = 'Baleen.Trial.Section.' + kind
        make.line('mdb' if kind == 'md5' else 'msb', '%d:%s:%s' % (len(section), hashlib.new(kind, section).hexdigest(), name))
        make.file(name, data)
        make.file(MISSES + name, _changed(data, start + 0x1ff))
        make.file(name, _changed(data, carrier.PE_HEADERS + 0x200 * (i - 1)) if i else data + b'behind')
        make.file(MISSES + name, b'XY' + data[2:])


def _write_exe(make, *words):
    path = os.path.join(make.database, os.pardir, 'exe')
    part = os.path.join(make.database, os.pardir, 'part')
    with open(part, 'wb') as out:
        out.write(b'\x90' * 64)
    subprocess.run([make.write_exe, 'pe', path, *words, part], check=True, stdout=subprocess.DEVNULL)
    with open(path, 'rb') as data:
        return data.read()


def _add_imports(make):
    """Hashes of the list of imports: names in small letters, libraries without their endings."""
    rows = [('KERNEL32.dll', 'ExitProcess'), ('KERNEL32.dll', 'CreateFileA'), ('User32.DLL', 'MessageBoxA'), ('odd.ocx', 'F')]
    words = ['%s:%s' % row for row in rows]
    text = ','.join('%s.%s' % (library.rsplit('.', 1)[0], function) for library, function in rows).lower()
    make.line('imp', '%s:%d:Baleen.Trial.Imports' % (hashlib.md5(text.encode()).hexdigest(), len(text)))
    flags = [part for word in words for part in ('--import', word)]
    make.file('Baleen.Trial.Imports', _write_exe(make, *flags))
    make.file(MISSES + 'Imports', _write_exe(make, *flags[:-2]))
    make.file(MISSES + 'Imports', _write_exe(make, *flags[:-1], 'odd.ocx:G'))


def _add_versions(make):
    """Offset VI: strings of the version information."""
    for value, name in (('Trial Company', 'Baleen.Trial.Version'), ('Trial Companx', MISSES + 'Version')):
        make.file(name, _write_exe(make, '--version', 'CompanyName=' + value))
    outside = carrier.Layout()
    outside.anywhere.append('CompanyName\0'.encode('utf-16-le') + b'\0\0' + 'Trial Company'.encode('utf-16-le'))
    make.file(MISSES + 'Version', carrier.build(carrier.PE, outside))


def _groups(path):
    """The bodies of macro groups in an .ndb file."""
    groups = {}
    with open(path, encoding='ascii') as lines:
        for line in lines:
            fields = line.rstrip('\n').split(':')
            if len(fields) > 3 and fields[2].startswith('$'):
                groups.setdefault(int(fields[2].strip('$')), []).append(fields[3])
    return groups


def write(database, trial, options):
    """The set into a folder, the files into the trial."""
    for path in glob.glob(os.path.join(FOLDER, 'trial.*')):
        shutil.copy(path, database)
    make = _Maker(database, trial, options)
    groups = _groups(os.path.join(FOLDER, 'trial.ndb'))
    _add_files(make)
    _add_sections(make)
    _add_imports(make)
    _add_versions(make)
    for base, kind in ((1000, 'ndb'), (2000, 'ldb')):
        with open(os.path.join(FOLDER, 'trial.' + kind), encoding='ascii') as lines:
            for number, line in enumerate(lines, 1):
                line = line.rstrip('\n')
                if line and not line.startswith('#') and ':$' not in line and ':VI:' not in line:
                    trial.add_line(kind, base + number, line, options, groups)
