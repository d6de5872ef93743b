"""The generated tables of schemas/README.md.

python -m tests.docs            tells which tables are stale; exit code 1 if any is
python -m tests.docs --write    updates them
"""

import argparse
import sys

from tests.docs.generate import generated
from tests.docs.page import PAGE, read_page, sections, with_sections


def main() -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(description="The generated tables of schemas/README.md.")
    parser.add_argument("--write", action="store_true", help="update the tables that are stale")
    options = parser.parse_args()
    page, bodies = read_page(), generated()
    shown = sections(page)
    stale = [name for name, body in shown.items() if bodies.get(name) != body]
    if options.write:
        PAGE.write_text(with_sections(page, bodies), encoding="utf-8")
    for name in stale:
        sys.stdout.write(f"{'updated' if options.write else 'stale'}: {name}\n")
    return int(bool(stale) and not options.write)


if __name__ == "__main__":
    sys.exit(main())
