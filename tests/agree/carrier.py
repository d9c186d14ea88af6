# SPDX-License-Identifier: MIT
"""carrier - small files of every type that signatures are bound to, with room for given bytes.

A carrier is laid out by `build(target, layout)`: pieces at absolute offsets, behind the entry point, in a section, at
the end, or anywhere. Pieces win over the carrier's own bytes where they overlap; whether the file still is of its type
is for the scanners to say. Nothing in here runs.
"""

import struct

from hexsig import Unsupported

ANY, PE, OLE2, HTML, MAIL, GRAPHICS, ELF, ASCII, UNUSED, MACHO, PDF, FLASH, JAVA = range(13)


class Layout:
    """Where the bytes of a specimen have to stand."""

    def __init__(self):
        self.absolute = []       # (offset, bytes)
        self.from_end = []       # (offset from the end, bytes)
        self.from_entry = []     # (signed offset, bytes)
        self.in_section = []     # (section or 'last', offset, bytes)
        self.anywhere = []       # bytes
        self.sections = 1
        self.size_min = 0
        self.size_max = None
        self.entry = None

    def used(self):
        return [piece[-1] for piece in self.absolute + self.from_end + self.from_entry + self.in_section] + self.anywhere


def _put(image, taken, offset, data):
    """Lays bytes at a place that nothing else claims with other bytes."""
    if offset < 0:
        raise Unsupported('a place before the file')
    if len(image) < offset + len(data):
        image.extend(b'\0' * (offset + len(data) - len(image)))
    for i, byte in enumerate(data):
        if taken.get(offset + i, byte) != byte:
            raise Unsupported('two parts want the same place')
        taken[offset + i] = byte
        image[offset + i] = byte


PE_HEADERS = 0x1000


def _pe_head(sections, entry_in_first):
    """DOS header, PE32 headers and a section table for sections of (raw offset, raw size)."""
    lfanew = 0x80
    head = bytearray(PE_HEADERS)
    head[0:2] = b'MZ'
    struct.pack_into('<I', head, 0x3c, lfanew)
    head[lfanew:lfanew + 4] = b'PE\0\0'
    struct.pack_into('<HHIIIHH', head, lfanew + 4, 0x14c, len(sections), 0x5f5e1000, 0, 0, 0xe0, 0x102)
    optional = lfanew + 24
    struct.pack_into('<HBBIIIIII', head, optional, 0x10b, 14, 0, 0x1000, 0x1000, 0, 0x1000 + entry_in_first, 0x1000, 0x1000)
    size = 0x1000
    table = optional + 0xe0
    address = 0x1000
    for i, (offset, length) in enumerate(sections):
        virtual = max(0x1000, (length + 0xfff) & ~0xfff)
        struct.pack_into('<8sIIIIIIHHI', head, table + 40 * i, b'.s%d' % i, length, address, length, offset, 0, 0, 0, 0,
                         0xe0000020)
        address += virtual
    size = address
    struct.pack_into('<IIIHHHHHHIIIIHHIIIIII', head, optional + 28, 0x400000, 0x1000, 0x200, 4, 0, 0, 0, 4, 0, 0, size,
                     PE_HEADERS, 0, 2, 0, 0x100000, 0x1000, 0x100000, 0x1000, 0, 16)
    return bytes(head)


def _round(value, to):
    return (value + to - 1) // to * to


def _sections_of(layout, room):
    """Raw bytes of each section: [(bytearray, taken)], pieces for sections laid in, the rest behind the entry point."""
    count = layout.sections
    for where, _, _ in layout.in_section:
        if where != 'last':
            count = max(count, where + 1)
    sections = [(bytearray(), {}) for _ in range(count)]
    for where, offset, data in layout.in_section:
        index = count - 1 if where == 'last' else where
        _put(sections[index][0], sections[index][1], offset, data)
    entry = 0
    for offset, _ in layout.from_entry:
        entry = max(entry, -offset)
    if layout.from_entry and sections[0][0]:
        entry = max(entry, _round(len(sections[0][0]) + 16, 16))
    for offset, data in layout.from_entry:
        _put(sections[0][0], sections[0][1], entry + offset, data)
    for data in room:
        sections[0][0].extend(b'\xcc' * 7)
        sections[0][0].extend(data)
    return sections, entry


def _pe(layout):
    sections, entry = _sections_of(layout, layout.anywhere)
    body = bytearray()
    table = []
    for raw, _ in sections:
        size = _round(max(len(raw), 0x200), 0x200)
        table.append((PE_HEADERS + len(body), size))
        body.extend(raw + b'\0' * (size - len(raw)))
    return bytearray(_pe_head(table, entry)) + body


def _elf(layout):
    # Section 0 of an ELF file is nobody's.
    if any(where == 0 for where, _, _ in layout.in_section):
        raise Unsupported('in the section that no ELF file has')
    layout.in_section = [(where if where == 'last' else where - 1, offset, data) for where, offset, data in layout.in_section]
    layout.sections = max(1, layout.sections - 1)
    sections, entry = _sections_of(layout, layout.anywhere)
    head = 64 + 56
    raw = b''.join(bytes(section[0]) + b'\0' * (-len(section[0]) % 16) for section in sections)
    raw += b'\0' * 16
    base = 0x400000
    table = head + len(raw)
    image = bytearray()
    image += b'\x7fELF\x02\x01\x01' + b'\0' * 9
    image += struct.pack('<HHIQQQIHHHHHH', 2, 62, 1, base + head + entry, 64, table, 0, 64, 56, 1, 64, len(sections) + 1, 0)
    image += struct.pack('<IIQQQQQQ', 1, 5, 0, base, base, head + len(raw), head + len(raw), 0x1000)
    image += raw
    image += b'\0' * 64
    at = head
    for section, _ in sections:
        size = len(section) + (-len(section) % 16)
        image += struct.pack('<IIQQQQIIQQ', 0, 1, 6, base + at, at, size, 0, 0, 16, 0)
        at += size
    return image


def _macho(layout):
    sections, entry = _sections_of(layout, layout.anywhere)
    sections[0][0].extend(b'\0' * max(0, entry + 1 - len(sections[0][0])))
    raw = b''.join(bytes(section[0]) + b'\0' * (-len(section[0]) % 16) for section in sections) + b'\0' * 16
    segment_len = 56 + 68 * len(sections)
    registers = [0] * 40
    thread_len = 16 + 4 * len(registers)
    head = 28 + segment_len + thread_len
    # Only a PowerPC's registers tell scanners the entry point; clamscan wants to see all forty of them.
    order, cpu = ('>', 18) if layout.from_entry else ('<', 7)
    image = bytearray(struct.pack(order + 'IIIIIII', 0xfeedface, cpu, 3, 2, 2, segment_len + thread_len, 1))
    image += struct.pack(order + 'II16sIIIIiiII', 1, segment_len, b'__TEXT', 0x1000, len(raw) + head, 0, len(raw) + head, 7, 5,
                         len(sections), 0)
    at = head
    for i, (section, _) in enumerate(sections):
        size = len(section) + (-len(section) % 16)
        image += struct.pack(order + '16s16sIIIIIIIII', b'__s%d' % i, b'__TEXT', 0x1000 + at, size, at, 0, 0, 0, 0, 0, 0)
        at += size
    registers[0 if layout.from_entry else 10] = 0x1000 + head + entry
    image += struct.pack(order + 'IIII40I', 5, thread_len, 1, len(registers), *registers)
    return image + raw


def _ole2(layout):
    """A compound file of one FAT sector, one directory sector and one big stream."""
    data = b''.join(b'\0' * 8 + piece for piece in layout.anywhere)
    data += b'\0' * (_round(max(len(data), 4096), 512) - len(data))
    sectors = len(data) // 512
    if sectors > 120:
        raise Unsupported('too long for the carrier')
    fat = [0xfffffffd, 0xfffffffe] + [i + 3 for i in range(sectors - 1)] + [0xfffffffe]
    fat += [0xffffffff] * (128 - len(fat))
    head = bytearray(512)
    head[0:8] = bytes.fromhex('d0cf11e0a1b11ae1')
    struct.pack_into('<HHHHH', head, 24, 0x3e, 3, 0xfffe, 9, 6)
    struct.pack_into('<IIIIIIIII', head, 44, 1, 1, 0, 4096, 0xfffffffe, 0, 0xfffffffe, 0, 0)
    struct.pack_into('<108I', head, 80, *([0xffffffff] * 108))
    struct.pack_into('<I', head, 76, 0)
    directory = bytearray(512)

    def entry(index, name, kind, child, start, size):
        text = name.encode('utf-16-le') + b'\0\0'
        directory[128 * index:128 * index + len(text)] = text
        struct.pack_into('<HBBIII', directory, 128 * index + 64, len(text), kind, 1, 0xffffffff, 0xffffffff, child)
        struct.pack_into('<II', directory, 128 * index + 116, start, size)

    entry(0, 'Root Entry', 5, 1, 0xfffffffe, 0)
    entry(1, 'Stream', 2, 0xffffffff, 2, len(data))
    return head + struct.pack('<128I', *fat) + directory + data


TEXT_GAP = b'\nlorem ipsum\n'


def _simple(head, gap, tail):
    def build(layout):
        reach = max([offset + len(data) for offset, data in layout.absolute], default=0)
        image = bytearray(head) + gap[:1] * max(0, reach - len(head))
        for piece in layout.anywhere:
            image += gap + piece
        return image + tail
    return build


BUILDERS = {
    ANY: _simple(b'\x01\0\0\0carrier without a type\x02\0\0', b'\xf5\x01\x02', b'\x01\x02'),
    PE: _pe,
    ELF: _elf,
    MACHO: _macho,
    OLE2: _ole2,
    HTML: _simple(b'<html>\n<head><title>carrier</title></head>\n<body>\n', TEXT_GAP, b'\n</body>\n</html>\n'),
    MAIL: _simple(b'From: a@example.org\r\nTo: b@example.org\r\nSubject: carrier\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n'
                  b'Message-ID: <1@example.org>\r\n\r\n', b'\r\nlorem\r\n', b'\r\n'),
    GRAPHICS: _simple(b'GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0', b'\0\0', b';'),
    ASCII: _simple(b'a plain text that carries something in small letters\n', TEXT_GAP, b'\nthe end of it\n'),
    PDF: _simple(b'%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n', b'\n', b'\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n'),
    FLASH: _simple(b'FWS\x05\0\x10\0\0\x78\0\x05\x5f\0\0\x0f\xa0\0\0\x0c\x01\0', b'\0\0', b'\0\0'),
    JAVA: _simple(b'\xca\xfe\xba\xbe\0\0\0\x32\0\x10', b'\0\0', b'\0\0'),
}


def build(target, layout):
    if target not in BUILDERS:
        raise Unsupported('no carrier for target %d' % target)
    if target not in (PE, ELF, MACHO) and (layout.from_entry or layout.in_section):
        raise Unsupported('an offset of executables in another type')
    image = BUILDERS[target](layout)
    taken = {}
    for offset, data in layout.absolute:
        _put(image, taken, offset, data)
    reach = max([offset for offset, _ in layout.from_end], default=0)
    if layout.size_min > len(image) + reach:
        image.extend(b'\0' * (layout.size_min - len(image) - reach))
    if layout.from_end:
        start = len(image)
        image.extend(b'\0' * reach)
        taken = {}
        for offset, data in layout.from_end:
            if len(data) > offset:
                raise Unsupported('longer than its distance from the end')
            _put(image, taken, start + reach - offset, data)
    if layout.size_max is not None and len(image) > layout.size_max:
        raise Unsupported('the carrier is longer than FileSize allows')
    return bytes(image)
