"""Passwords stay out of what is printed, logged or kept.

Arrives: a text that may hold a database URL. Leaves: the same text with its passwords as `***`.
"""

import re

_IN_URL = re.compile(r"(?P<before>[\w+.-]*://[^\s:/@]*:)(?P<secret>.*)(?P<after>@)")
_IN_QUERY = re.compile(r"(?P<before>\b(?:password|passwd|pwd|sslpassword|passfile)\s*=\s*)(?P<secret>[^\s&'\"]+)", re.I)
_WITHOUT_HOST = re.compile(r"(?P<before>[\w+.-]*://[^\s:/@]+:)(?P<secret>(?!\d+(?:[/?\s'\"]|$))[^\s/@]+)")


def redacted(text: str) -> str:
    """`text` without passwords: between user and host of a URL, as a parameter, or where a host was forgotten."""
    for pattern in (_IN_URL, _IN_QUERY, _WITHOUT_HOST):
        text = pattern.sub(lambda match: f"{match['before']}***{match.groupdict().get('after', '')}", text)
    return text
