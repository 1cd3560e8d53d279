# SPDX-License-Identifier: BSD-2-Clause
"""A part of the bench by itself: prints its tables. WORD: only the rows whose name has one of the words."""
import argparse
import processes
from figures import Table
from harness import Skip
from quiet import Quiet

ROUNDS = 3


def main(about, measure, columns, names):
    """measure(table, words, names): names are those of the sides to measure."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", default=";".join(names), help="those of: " + ";".join(names))
    parser.add_argument("--patience", type=int, default=0, metavar="SECONDS", help="to wait for a quiet machine")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only the rows that have it in their names")
    arguments = parser.parse_args()
    processes.adopt()
    table = Table(columns, ROUNDS, Quiet(arguments.patience))
    try:
        measure(table, arguments.words, arguments.sides.split(";"))
    except Skip as skip:
        print(f"cannot be measured here: {skip}")
    finally:
        processes.end_all()
    print(table.quiet.text())
