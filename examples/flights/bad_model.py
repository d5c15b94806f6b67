"""Registers a deliberately bad model, for the demo's rollback: trained on the opposite of what happened."""
import argparse
import json
import pathlib

import pandas as pd

import train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=pathlib.Path, required=True)
    parser.add_argument("--as-of", required=True)
    args = parser.parse_args()
    rows = train.read_rows(args.rows)
    rows[train.LABEL] = 1 - rows[train.LABEL].astype(float)
    args.train_days, args.rounds = 0, 10
    with train.start_run("bad", rows, args):
        version = train.register(train.fit(rows, args.rounds, {}, train.PARAMS), rows, pd.Timestamp(args.as_of))
    print(json.dumps({"version": version}))


if __name__ == "__main__":
    main()
