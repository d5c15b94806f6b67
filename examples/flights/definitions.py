"""slipway.yaml in Python: `python3 definitions.py > slipway.yaml` writes the same definitions."""
import datetime as dt

import slipway as sw
from slipway import agg

UTC = dt.timezone.utc
airports = ["EWR", "JFK", "LGA"]
carrier, origin, tailnum = sw.Entity("carrier"), sw.Entity("origin"), sw.Entity("tailnum")

flights = sw.Dataset(
    "flights", path="data/flights.parquet", key=["flight_id"], event_time="sched_dep_at", arrival_time="known_at", on_violation="quarantine",
    columns={"origin": sw.Column(type="string", one_of=airports, required=True), "carrier": sw.Column(type="string", required=True),
             "distance": sw.Column(type="double", min=50, max=12000, required=True), "arr_delay": sw.Column(type="double", min=-180, max=1800)})
weather = sw.Dataset(
    "weather", path="data/weather.parquet", key=["origin", "observed_at"], event_time="observed_at", arrival_time="known_at", on_violation="quarantine",
    columns={"origin": sw.Column(type="string", one_of=airports, required=True), "temp": sw.Column(type="double", min=-30, max=120),
             "humid": sw.Column(type="double", min=0, max=101), "wind_speed": sw.Column(type="double", min=0, max=200),
             "pressure": sw.Column(type="double", min=900, max=1100)})
planes = sw.Dataset("planes", path="data/planes.parquet", key=["tailnum"], columns={"seats": sw.Column(type="double", min=1, max=900)})

landings = sw.Source("landings", flights, event_time="landed_at", arrival_time="landed_at")
departures = sw.Source("departures", flights, event_time="departed_at", arrival_time="departed_at")
observations = sw.Source("weather", weather, event_time="observed_at", arrival_time="known_at")
fleet = sw.Source("planes", planes)

delays = {"mean_delay": agg.mean("arr_delay"), "late_share": agg.mean("arr_delay > 15")}
carrier_origin = sw.View("carrier_origin", landings, [carrier, origin], windows=["1h", "3h", "24h"], aggregates=delays)
airport = sw.View("airport", landings, [origin], windows=["1h", "3h", "24h"], aggregates=delays)
traffic = sw.View("traffic", departures, [origin], windows=[dt.timedelta(hours=1), dt.timedelta(hours=3)], aggregates={"departed": agg.count()})
origin_weather = sw.View("origin_weather", observations, [origin], ttl="6h",
                         columns={name: name for name in ("temp", "humid", "wind_speed", "precip", "pressure", "visib")})
plane = sw.View("plane", fleet, [tailnum], columns={"age": "2013 - year", "seats": "seats"})
calendar = sw.OnDemandView("calendar", {"minute_of_day": "minute_of_day(sched_dep_at, 'America/New_York')",
                                        "weekday": "weekday(sched_dep_at, 'America/New_York')"})
flight_delay = sw.Service(
    "flight_delay", [calendar, carrier_origin, airport, traffic, origin_weather, plane, sw.request("carrier"), sw.request("origin"), sw.request("dest"),
                     sw.request("distance")],
    event_time="sched_dep_at",
    request={"carrier": "string", "origin": "string", "dest": "string", "tailnum": "string", "distance": "double", "sched_dep_at": "timestamp"})

train = sw.Pipeline("train-flight-delay", params={"as_of": "{now}", "train_days": 0, "holdout_days": 14, "rounds": 60}, steps=[
    sw.Step("training-set",
            "slipway features history flight_delay --entities dataset:flights --label 'late = arr_delay > 15' --as-of {as_of} --out {out}/rows.parquet",
            inputs=["dataset:flights", "dataset:weather", "dataset:planes"], code=["slipway.yaml"], outputs=["rows.parquet"]),
    sw.Step("train",
            "python3 train.py candidate --rows {training-set}/rows.parquet --as-of {as_of} --train-days {train_days} "
            "--holdout-days {holdout_days} --rounds {rounds} --out {out}",
            code=["train.py"], env=["requirements.txt"], inputs=["model:flight-delay@champion"], outputs=["contenders.json", "holdout.parquet"]),
    sw.Step("gate",
            "slipway models gate flight-delay --contenders {train}/contenders.json --holdout {train}/holdout.parquet "
            "--policy log_loss_margin=0.005,max_auc_drop=0.02,min_days=7,refit=true --out {out}/verdict.json",
            outputs=["verdict.json"], cache=False),
    sw.Step("refit",
            "python3 train.py refit --rows {training-set}/rows.parquet --as-of {as_of} --train-days {train_days} --rounds {rounds} --out {out}",
            after=["gate"], code=["train.py"], env=["requirements.txt"], outputs=["model.json"]),
    sw.Step("promote", "slipway models promote flight-delay champion --gate {gate}/verdict.json --version {refit}/model.json", cache=False)])

endpoint = sw.Endpoint(
    "flight-delay", "models:/flight-delay@champion", features=flight_delay, output="late", shadow={"frozen": "models:/flight-delay/1"},
    release=sw.Release(delay="6h", steps=[10, 50, 100], hold="24h",
                       guard=sw.Guard(error_rate=0.01, latency_ms_p99=250, calibration_bias=0.15, min_requests=50)))

health = sw.Monitor(
    "flight-delay-health", endpoint, windows=["day", "week", "month"], time_zone="America/New_York", complete=sw.Complete(share=0.99, after="24h"),
    reference=sw.Reference(start=dt.datetime(2013, 3, 1, 5, tzinfo=UTC), end=dt.datetime(2013, 6, 1, 4, tzinfo=UTC)),
    alerts={"calibration": sw.Alert(metric="calibration_bias", window="week", abs_over=0.03, min_rows=2000, action="retrain"),
            "log_loss": sw.Alert(metric="log_loss_ratio", window="week", over=1.0, min_rows=2000, action="retrain")},
    actions={"retrain": sw.Action(pipeline=train, min_labels=5000, cool_down="21d")})

project = sw.Project("flights", owner="flight-ops", clock="rehearsal", start=dt.datetime(2013, 6, 1, 4, tzinfo=UTC))
project.add(flight_delay, health)

if __name__ == "__main__":
    print(project.to_yaml(), end="")
