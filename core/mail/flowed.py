"""Text whose paragraphs were wrapped for the way (RFC 3676, format=flowed)."""

_SIGNATURE = "-- "


def unwrap_flowed(text: str, *, delete_space: bool = False) -> str:
    """Join the lines of each paragraph again, quoted ones within their depth; `delete_space` is the DelSp parameter."""
    joined: list[str] = []
    paragraph: list[str] = []
    paragraph_depth = 0
    for line in text.split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")
        # A signature's line ends with a space that wraps nothing (RFC 3676 4.3).
        is_flowed = content.endswith(" ") and content != _SIGNATURE
        if paragraph and (depth != paragraph_depth or content == _SIGNATURE):
            joined.append(_quoted("".join(paragraph), paragraph_depth))
            paragraph = []
        paragraph_depth = depth
        paragraph.append(content[:-1] if is_flowed and delete_space else content)
        if not is_flowed:
            joined.append(_quoted("".join(paragraph), depth))
            paragraph = []
    if paragraph:
        joined.append(_quoted("".join(paragraph), paragraph_depth))
    return "\n".join(joined)


def _quoted(content: str, depth: int) -> str:
    return f"{'>' * depth} {content}" if depth else content
