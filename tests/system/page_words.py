"""Numbers and times as the page is meant to show them, reckoned anew in Python: a test that asked the page's own code would believe it."""
import datetime
import math
import re
from decimal import ROUND_HALF_UP, Decimal

from playwright.sync_api import expect

NOTHING = "–"
ANY = re.compile(r"^[\s\S]*$")


def plain(value: float) -> str:
    """As JavaScript writes a number."""
    if value == int(value):
        return str(int(value))
    text = repr(float(value))
    return re.sub(r"e([+-])0?(\d)", r"e\1\2", text) if "e" in text else text


def rounded(value: float, places: int) -> float:
    return float(Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))


def figures(value: float, digits: int) -> float:
    """To so many digits that count."""
    if value == 0:
        return 0.0
    return float(Decimal(value).quantize(Decimal(1).scaleb(Decimal(value).adjusted() - digits + 1), ROUND_HALF_UP))


def number(value) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    if abs(value) >= 1e6 or abs(value) < 1e-4:
        mantissa, power = f"{figures(value, 3):.2e}".split("e")
        return f"{mantissa}e{int(power):+d}"
    return plain(figures(value, 4))


def parameter(written: str) -> str:
    return number(float(written)) if re.fullmatch(r"[+-]?\d*\.\d{5,}(e[+-]?\d+)?", written, re.I) else written


def percent(share) -> str:
    if share is None:
        return NOTHING
    hundred = share * 100
    return f"{plain(rounded(hundred, 2 if hundred < 1 or hundred > 99 else 1))} %"


def moment(at) -> datetime.datetime:
    if isinstance(at, (int, float)):
        return datetime.datetime.fromtimestamp(at / 1000, datetime.timezone.utc)
    return datetime.datetime.fromisoformat(at.replace("Z", "+00:00")).astimezone(datetime.timezone.utc)


def day(at) -> str:
    at = moment(at)
    return f"{at.day} {at:%b %Y}"


def time(at) -> str:
    return NOTHING if at is None else f"{day(at)}, {moment(at):%H:%M}"


def readable(sentence: str) -> str:
    return re.sub(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", lambda found: time(found[0]), sentence)


def seconds_between(begin: str, end: str) -> float:
    """By whole milliseconds, as browsers read times."""
    first, last = (math.floor(moment(at).timestamp() * 1000 + 1e-4) for at in (begin, end))
    return (last - first) / 1000


def duration(seconds) -> str:
    if seconds is None:
        return NOTHING
    if seconds == 0:
        return "0 s"
    if seconds < 1:
        return f"{plain(figures(seconds * 1000, 2))} ms"
    if seconds < 60:
        return f"{plain(rounded(seconds, 1))} s"
    minutes = math.floor(seconds / 60)
    if minutes < 60:
        return f"{minutes} min {math.floor(seconds % 60)} s"
    hours = minutes // 60
    return f"{hours} h {minutes % 60} min" if hours < 48 else f"{hours // 24} days {hours % 24} h"


def delay(seconds) -> str:
    """Of event time, as the drill has it."""
    if seconds is None:
        return NOTHING
    minutes = int(seconds // 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    if minutes == 0:
        return "at once"
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    return f"{hours} h" if hours else f"{minutes} min"


def size(count: int) -> str:
    power = 0 if count < 1000 else int(math.log10(count) // 3)
    return f"{plain(rounded(count / 1000**power, 1 if power else 0))} {['B', 'kB', 'MB', 'GB'][power]}"


def plural(count: int, noun: str) -> str:
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def parts(feature: str) -> tuple[str, str]:
    """The view and the column of a feature."""
    view, cut, column = feature.partition("__")
    return (view, column) if cut else ("", feature)


def dotted(feature: str) -> str:
    view, column = parts(feature)
    return f"{view}.{column}" if view else column


def table(page, name: str, rows: list[list], part: str = "tbody tr"):
    """The table has these rows, cell by cell; None: whatever stands there."""
    lines = page.get_by_role("table", name=name, exact=True).locator(part)
    expect(lines).to_have_count(len(rows))
    for at, cells in enumerate(rows):
        shown = lines.nth(at).locator("td, th")
        expect(shown).to_have_text([ANY if cell is None else str(cell) for cell in cells], use_inner_text=True)


def fact(page, name: str, value: str):
    """One of the facts at the head of a screen: its name, and below it what it is."""
    expect(page.locator("main div").filter(has=page.locator(f"> p:text-is('{name}')")).first.locator("> div")).to_have_text(value, use_inner_text=True)
