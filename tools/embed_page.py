"""Writes a C++ source with the built page: every file compressed, in a table (src/api/page/assets.h).

    embed_page.py DIST OUT.cc      touches OUT only when it changes; without DIST the table is empty
"""
import gzip
import hashlib
import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".svg": "image/svg+xml", ".png": "image/png", ".woff2": "font/woff2", ".json": "application/json"}


def write_if_changed(file: pathlib.Path, content: bytes) -> None:
    if not file.exists() or file.read_bytes() != content:
        file.write_bytes(content)


def main() -> None:
    dist, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    blobs, rows = [], []
    for number, file in enumerate(sorted(f for f in dist.rglob("*") if f.is_file())):
        packed = gzip.compress(file.read_bytes(), mtime=0)
        digest = hashlib.sha256(packed).hexdigest()[:16]
        blob = out.with_name(f"page_{digest}.gz")
        write_if_changed(blob, packed)
        name = f"page_asset_{number}"
        # The linker's view of a file: two labels around its bytes.
        blobs.append(f'asm(".pushsection .rodata\\n{name}: .incbin \\"{blob}\\"\\n{name}_end:\\n.popsection");\n'
                     f'extern "C" const char {name}[], {name}_end[];\n')
        path = file.relative_to(dist).as_posix()
        rows.append(f'      {{"{path}", "{TYPES.get(file.suffix, "application/octet-stream")}", '
                    f'{{{name}, static_cast<std::size_t>({name}_end - {name})}}, "\\"{digest}\\""}},\n')
    table = f"  static const Asset table[] = {{\n{''.join(rows)}  }};\n  return table;\n" if rows else "  return {};\n"
    source = ('// Written by tools/embed_page.py.\n#include "api/page/assets.h"\n\n' + "".join(blobs) +
              f"\nnamespace slipway::api::page {{\n\nstd::span<const Asset> assets() {{\n{table}}}\n\n}}  // namespace slipway::api::page\n")
    write_if_changed(out, source.encode())


if __name__ == "__main__":
    main()
