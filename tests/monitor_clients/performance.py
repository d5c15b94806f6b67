"""performance.py > src/types/testdata/scikit_learn.json: what scikit-learn says of rows that our own measures are tested with.

{"regression"|"multiclass"|"ranking": {ROWS..., "expected": {METRIC: VALUE}}, "binary": {..., "intervals": {METRIC: [LOW, HIGH]}}}
"""
import json
import sys

import numpy as np
from scipy import stats
from sklearn import metrics as sk

rng = np.random.default_rng(7)
n = 240
labels = rng.gamma(2, 10, n).round(3)
predictions = (labels * rng.normal(1, 0.2, n) + rng.normal(0, 2, n)).clip(0).round(3)
absolute = np.abs(predictions - labels)
regression = {
    "mae": sk.mean_absolute_error(labels, predictions), "mse": sk.mean_squared_error(labels, predictions), "rmse": sk.root_mean_squared_error(labels, predictions),
    "msle": sk.mean_squared_log_error(labels, predictions), "rmsle": sk.root_mean_squared_log_error(labels, predictions),
    "mape": sk.mean_absolute_percentage_error(labels, predictions), "r2": sk.r2_score(labels, predictions), "mean_error": float((predictions - labels).mean()),
    "mean_label": float(labels.mean()), "absolute_error_p50": sk.median_absolute_error(labels, predictions), "absolute_error_p90": float(np.quantile(absolute, 0.9)),
    "absolute_error_p99": float(np.quantile(absolute, 0.99))}
mean = stats.norm.interval(0.95, absolute.mean(), absolute.std(ddof=1) / np.sqrt(n))

k = 4
truths = rng.choice(k, n, p=[0.5, 0.25, 0.2, 0.05])
logits = rng.normal(0, 1, (n, k)) + 1.2 * np.eye(k)[truths]
chances = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).round(6)
chances /= chances.sum(1, keepdims=True)
said = chances.argmax(1)
multiclass = {"accuracy": sk.accuracy_score(truths, said), "log_loss": sk.log_loss(truths, chances), "roc_auc_ovr": sk.roc_auc_score(truths, chances, multi_class="ovr", average="macro")}
for average in ("macro", "weighted"):
    for name, of in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        multiclass[f"{name}_{average}"] = of(truths, said, average=average, zero_division=0)

groups, relevance, scores = [], [], []
for group in range(40):
    size = int(rng.integers(2, 15))
    groups += [group] * size
    worth = rng.choice([0, 0, 0, 1, 2, 3], size)
    relevance += worth.tolist()
    scores += (worth + rng.normal(0, 1.5, size)).round(1 if group % 2 else 4).tolist()  # with ties
groups, relevance, scores = np.array(groups), np.array(relevance, float), np.array(scores)
of_groups = [(relevance[groups == group], scores[groups == group]) for group in range(40)]
ranking = {}
for at in (3, 10):
    ranking[f"ndcg@{at}"] = float(np.mean([sk.ndcg_score([r], [s], k=at) for r, s in of_groups]))
# Of groups without equal scores, where the order is no matter of taste.
strict = [(r, s) for r, s in of_groups if len(set(s)) == len(s)]
strict_rows = [group for group, (r, s) in enumerate(of_groups) if len(set(s)) == len(s)]
no_ties = {"map@100": float(np.mean([sk.average_precision_score(r > 0, s) if (r > 0).any() else 0 for r, s in strict]))}
for at in (3, 10):
    tops = [np.isin(np.arange(len(s)), np.argsort(-s)[:at]) for r, s in strict]
    no_ties[f"recall@{at}"] = float(np.mean([sk.recall_score(r > 0, top, zero_division=0) for (r, s), top in zip(strict, tops)]))
    no_ties[f"precision@{at}"] = float(np.mean([(r[top] > 0).sum() / at for (r, s), top in zip(strict, tops)]))
    no_ties[f"hit_rate@{at}"] = float(np.mean([(r[top] > 0).any() for (r, s), top in zip(strict, tops)]))
firsts = [sk.label_ranking_average_precision_score([np.arange(len(s)) == np.flatnonzero(r > 0)[np.argmax(s[r > 0])]], [s]) if (r > 0).any() else 0 for r, s in strict]
no_ties["mrr"] = float(np.mean(firsts))

ones = (rng.random(n) < 0.4).astype(int)
chance = (0.25 + 0.3 * ones + rng.normal(0, 0.2, n)).clip(0.01, 0.99).round(2)
positives, negatives = chance[ones == 1], chance[ones == 0]
wins = (positives[:, None] > negatives[None]) + 0.5 * (positives[:, None] == negatives[None])
area = wins.mean()
error = np.sqrt(wins.mean(1).var(ddof=1) / len(positives) + wins.mean(0).var(ddof=1) / len(negatives))
hits = int(((chance >= 0.5) == ones).sum())
wilson = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")

json.dump({
    "regression": {"predictions": predictions.tolist(), "labels": labels.tolist(), "expected": regression, "mae_interval": list(mean)},
    "multiclass": {"classes": k, "labels": truths.tolist(), "said": said.tolist(), "chances": chances.ravel().tolist(), "expected": multiclass,
                   "confusion": sk.confusion_matrix(truths, said).tolist()},
    "ranking": {"groups": groups.tolist(), "relevance": relevance.tolist(), "scores": scores.tolist(), "expected": ranking, "strict_groups": strict_rows, "expected_of_strict": no_ties},
    "binary": {"labels": ones.tolist(), "chances": chance.tolist(), "auc": area, "auc_error": error, "hits": hits, "wilson": [wilson.low, wilson.high]},
}, sys.stdout, indent=None, separators=(",", ":"))
print()
