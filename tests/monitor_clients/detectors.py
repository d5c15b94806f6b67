"""detectors.py FILE.json: where river's detectors find changes, as JSON on stdout.

FILE has [{"method", "parameters", "values"}, ...]; the answer a list of indexes each.
"""
import json
import sys

from river import drift

METHODS = {"adwin": drift.ADWIN, "page_hinkley": drift.PageHinkley, "kswin": drift.KSWIN, "ddm": drift.binary.DDM, "eddm": drift.binary.EDDM}
answers = []
for one in json.load(open(sys.argv[1])):
    detector, found = METHODS[one["method"]](**one["parameters"]), []
    for index, value in enumerate(one["values"]):
        detector.update(value)
        if detector.drift_detected:
            found.append(index)
    answers.append(found)
json.dump(answers, sys.stdout)
