"""Whether colour is wanted: what no-color.org and force-color.org ask for, in one place.

Arrives: a stream. Leaves: yes or no. `NO_COLOR` wins over `FORCE_COLOR`, that over what the stream is.
"""

import os
from typing import TextIO


def wanted(stream: TextIO) -> bool:
    """Whether text for `stream` may hold colour and bold: on a terminal, unless somebody said otherwise."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return os.environ.get("TERM") != "dumb" and stream.isatty()
