#!/usr/bin/env python3
"""Knowledge points one way: base <- types <- store <- rooms <- api <- app <- cli. Reads the includes; fails on any other arrow."""
import pathlib
import re
import sys

ROOMS = {"governance", "tracking", "registry", "datasets", "versions", "objects", "features", "pipelines", "serving", "releases", "monitor", "lineage", "deploy", "access", "webhooks", "traces", "evaluations", "streams", "incidents", "invocations", "kubeflow", "dvc"}
LAYERS = {"base": 0, "types": 1, "store": 2, **dict.fromkeys(ROOMS, 3), "api": 4, "app": 5, "cli": 6}
# Heavy headers stay behind ours: header -> folders that may include it.
CONFINED = {
    "boost/asio": [],
    "boost/beast": [],
    "arrow/": ["src/store/"],
    "parquet/": ["src/store/"],
    "sqlite3.h": ["src/store/"],
    "librdkafka/": ["src/store/"],
    "re2/": ["src/types/column_rules.cc"],
    "rocksdb/": ["src/store/", "src/features/"],
    "spdlog/": ["src/base/"],
    "curl/": ["src/base/"],
    "google/protobuf": ["src/api/"],
    "grpcpp/": ["src/api/grpc/"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.M)


def problems(root: pathlib.Path):
    for path in sorted((root / "src").rglob("*")):
        if path.suffix not in {".h", ".cc"}:
            continue
        name = path.relative_to(root).as_posix()
        folder = name.split("/")[1]
        if folder not in LAYERS:
            yield f"{name}: folder {folder} is in no layer"
            continue
        for included in INCLUDE.findall(path.read_text()):
            for prefix, allowed in CONFINED.items():
                if included.startswith(prefix) and not any(name.startswith(a) for a in allowed):
                    yield f"{name}: {included} may only be included in {', '.join(allowed)}"
            target = included.split("/")[0]
            if target not in LAYERS or target == folder or "/" not in included:
                continue
            if target in ROOMS and folder in ROOMS:
                yield f"{name}: rooms do not include each other: {included}"
            elif LAYERS[target] > LAYERS[folder]:
                yield f"{name}: {folder} may not know {target}: {included}"


def main() -> int:
    root = pathlib.Path(__file__).resolve().parent.parent
    found = list(problems(root))
    for line in found:
        print(line)
    print(f"layers: {len(found)} problems", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
