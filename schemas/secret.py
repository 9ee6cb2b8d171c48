"""Passwords stay out of what is printed, logged or kept.

Arrives: a text that may hold a database URL. Leaves: the same text with its passwords as `***`. Where a URL has neither
user nor password before an @, what stands behind the first colon may be the password of one whose host was forgotten,
also when it is digits alone: only a port of a web page, of localhost or of an IP address is plainly a port.
"""

import re

_IN_URL = re.compile(r"(?P<before>[\w+.-]*://[^\s:/@]*:)(?P<secret>.*)(?P<after>@)")
_IN_QUERY = re.compile(r"(?P<before>\b(?:password|passwd|pwd|sslpassword|passfile)\s*=\s*)(?P<secret>[^\s&'\"]+)", re.I)
_PORT = r"(?:(?:https?|wss?)://[^\s:/@]+|[\w+.-]*://(?:localhost|\d+(?:\.\d+){3}|\[[\da-f:]+\])):\d{1,5}(?!\d)(?:[/?,;.)\s'\"]|$)"
_WITHOUT_HOST = re.compile(rf"(?!{_PORT})(?P<before>(?<![\w+.-])[\w+.-]*://[^\s:/@]+:)(?P<secret>[^\s/@]+)")


def redacted(text: str) -> str:
    """`text` without passwords: between user and host of a URL, as a parameter, or where a host was forgotten."""
    for pattern in (_IN_URL, _IN_QUERY, _WITHOUT_HOST):
        text = pattern.sub(lambda match: f"{match['before']}***{match.groupdict().get('after', '')}", text)
    return text
