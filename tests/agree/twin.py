# SPDX-License-Identifier: MIT
"""twin - damaged copies of a specimen, most of which just miss.

What is damaged are the bytes that the signature asks for, or the file's end, so that a scanner that looks at one byte
less than it should, or at one place beside it, finds another answer.
"""


def _places(made):
    """Where the signature's bytes lie: [(start, end)]."""
    places = []
    for piece in made.pieces:
        at = made.data.find(piece) if piece else -1
        if at >= 0:
            places.append((at, at + len(piece)))
    return places or [(0, len(made.data))]


def damage(made, dice):
    data = bytearray(made.data)
    start, end = dice.choice(_places(made))
    at = dice.randrange(start, end)
    kind = dice.randrange(9)
    if kind == 0:
        data[at] ^= 1 << dice.randrange(8)
    elif kind == 1:
        data[at] ^= 0x20
    elif kind == 2:
        del data[at]
    elif kind == 3:
        data.insert(at, dice.choice((0, 0x20, data[at])))
    elif kind == 4:
        data[start:end] = bytes([dice.choice((0x78, 0))]) * (end - start)
    elif kind == 5:
        data += data[start:end]
    elif kind == 6:
        data += b'z' * dice.randrange(1, 4)
    elif kind == 7:
        del data[end - 1:]
    else:
        del data[max(0, start - dice.randrange(1, 3)):start]
    return bytes(data)
