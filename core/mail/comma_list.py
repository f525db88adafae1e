"""Lists with commas in header fields, cut without being read: what stands in quotes or comments is left whole."""

import re

_SIGN = re.compile('[",(]')
_TO_ITS_END = {
    '"': re.compile(r'"(?:[^"\\]|\\.)*+("?)'),
    "(": re.compile(r"\((?:[^()\\]|\\.)*+(\)?)"),
}


def between_commas(value: str) -> list[str]:
    """The pieces of a list as they stand, without those that are empty; linear in its length.

    An opening sign that never closes is a plain one, and so are its kind that were passed on the way to know that.
    """
    pieces: list[str] = []
    start = position = 0
    plain_until = dict.fromkeys(_TO_ITS_END, 0)
    while found := _SIGN.search(value, position):
        sign, at = found[0], found.start()
        position = at + 1
        if sign == ",":
            pieces.append(value[start:at])
            start = position
        elif at >= plain_until[sign] and (whole := _TO_ITS_END[sign].match(value, at)):
            if whole[1]:
                position = whole.end()
            else:
                plain_until[sign] = whole.end()
    return [piece for piece in (*pieces, value[start:]) if piece]
