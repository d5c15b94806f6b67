"""Writes cron_golden.csv: what cronsim says of 2014 to 2023, in every zone whose clocks changed then.

    pip install cronsim==2.8; python cron_golden.py > cron_golden.csv

Years that are over, so that no later change of the time zones changes them. cronsim gives a fixed time that the clocks
skip its turn for each such time; we have one turn for all of them, so equal ones that follow each other are one here.
cronsim steps from hour to hour and passes a time after clocks moved by other than one hour: `5 */6` comes from every
minute of the years instead.
A row: zone, expression, how many times, and FNV-1a over their seconds since 1970 as text, each ended by a newline.
"""

import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim

EXPRESSIONS = ["30 2 * * *", "0 0 * * MON-FRI", "15,45 0-3 * * SUN", "*/20 0-3 * * SUN", "0 1 L * *", "5 */6 1-7 * 6"]
BEGIN, END = datetime(2014, 1, 1, tzinfo=timezone.utc), datetime(2024, 1, 1, tzinfo=timezone.utc)


def offsets(zone):
    at, found = BEGIN, []
    while at < END:
        found.append(at.astimezone(zone).utcoffset())
        at += timedelta(hours=12)
    return tuple(found)


def fnv(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def times(expression, zone):
    found = []
    for at in CronSim(expression, BEGIN.astimezone(zone)):
        if at >= END:
            return found
        second = int(at.timestamp())
        if not found or found[-1] != second:
            found.append(second)


def minutes(zone):
    """All times of `5 */6 1-7 * 6`."""
    found = []
    for second in range(int(BEGIN.timestamp()), int(END.timestamp()), 300):
        at = datetime.fromtimestamp(second, zone)
        if at.minute == 5 and at.hour % 6 == 0 and (at.day <= 7 or at.isoweekday() == 6) and second > BEGIN.timestamp():
            found.append(second)
    return found


seen = set()
for name in sorted(available_timezones()):
    if "/" not in name or name.startswith(("posix/", "right/", "Etc/", "SystemV/")):
        continue
    zone = ZoneInfo(name)
    behaviour = offsets(zone)
    if len(set(behaviour)) == 1 or behaviour in seen:
        continue
    seen.add(behaviour)
    for expression in EXPRESSIONS:
        found = minutes(zone) if expression.startswith("5 ") else times(expression, zone)
        sys.stdout.write(f'{name};{expression};{len(found)};{fnv("".join(f"{second}{chr(10)}" for second in found)):016x}\n')
