"""sketches.py FILE.parquet: what Apache DataSketches says of each column, as JSON on stdout.

{COLUMN: {"distinct": [low, estimate, high], "quantiles": {SHARE: value}, "rank_error": x, "frequent": {TEXT: [low, high]}}}
"""
import json
import sys

import datasketches
import pandas as pd

SHARES = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99]
found = {}
for name, values in pd.read_parquet(sys.argv[1]).items():
    values = values.dropna()
    hll, one = datasketches.hll_sketch(11), {}
    if values.dtype == object:
        items = datasketches.frequent_strings_sketch(7)
        for text in values:
            hll.update(text)
            items.update(text)
        one["frequent"] = {text: [low, high] for text, _, low, high in items.get_frequent_items(datasketches.frequent_items_error_type.NO_FALSE_NEGATIVES)}
    else:
        kll = datasketches.kll_doubles_sketch(200)
        kll.update(values.to_numpy(float))
        for value in values:
            hll.update(float(value))
        one["quantiles"] = {f"{share:g}": kll.get_quantile(share) for share in SHARES}
        one["rank_error"] = kll.normalized_rank_error(False)
    one["distinct"] = [hll.get_lower_bound(2), hll.get_estimate(), hll.get_upper_bound(2)]
    found[name] = one
json.dump(found, sys.stdout)
