"""Numbers in words, alike on the whole page."""

import math


def number(value: float | None, digits: int = 3) -> str:
    """So many significant digits; a true minus; thousands apart."""
    if value is None or not math.isfinite(value):
        return "unknown"
    if value == 0:
        return "0"
    if abs(value) >= 10**digits or float(value).is_integer():
        text = f"{value:,.0f}"
    elif abs(value) < 1e-4:
        text = f"{value:.{digits - 1}e}"
    else:
        text = f"{value:.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"
    return text.replace("-", "\N{MINUS SIGN}", 1) if value < 0 else text


def signed(value: float) -> str:
    """With its sign."""
    return f"+{number(value)}" if value > 0 else number(value)


def share(value: float) -> str:
    """Percent."""
    if value == 0:
        return "0 %"
    if 0 < value < 0.001:
        return "under 0.1 %"
    return f"{100 * value:.1f} %" if value < 0.1 else f"{100 * value:.0f} %"


def span(low: float | None, high: float | None) -> str:
    """An interval."""
    return "no interval" if low is None or high is None else f"{number(low)} to {number(high)}"
