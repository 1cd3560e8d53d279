#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Images that are cut short or have flipped bits: hull inspect and hull run refuse them with a message and never crash.
HULL_DAMAGE_FIRST and HULL_DAMAGE_COUNT choose the rounds.
"""
import os, random, sys
sys.path.append(os.path.dirname(sys.path[0]))
from harness import GUARD, HULL, SOAK, execute, hull_command, main, program, scratch, test

FIRST = int(os.environ.get("HULL_DAMAGE_FIRST", "1"))
COUNT = int(os.environ.get("HULL_DAMAGE_COUNT", "2000" if SOAK else "60"))


def damage(content, number):
    """Round `number`: the same each time."""
    chance = random.Random(number)
    changed = bytearray(content)
    kind = chance.randrange(4)
    if kind == 0:
        return changed[:chance.randrange(len(changed))]
    # Headers lie at the beginning and at multiples of a page; most bytes are the program's.
    near = 0 if kind == 1 else 4096 * chance.randrange(len(changed) // 4096) if kind == 2 else None
    for _ in range(chance.choice((1, 1, 4, 64))):
        place = near + chance.randrange(600) if near is not None else chance.randrange(len(changed))
        changed[min(place, len(changed) - 1)] ^= 1 << chance.randrange(8)
    return changed


def rounds(content, check):
    for number in range(FIRST, FIRST + COUNT):
        check(number, damage(content, number))


def made(folder, *arguments):
    path = os.path.join(folder, "image")
    result = execute([HULL, "build", "-q", "-o", path, *arguments, program("hello-static")], GUARD)
    assert result.returncode == 0, result
    with open(path, "rb") as file:
        return path, file.read()


def refused_by_inspect(arguments):
    with scratch() as folder:
        path, content = made(folder, *arguments)

        def check(number, changed):
            with open(path, "wb") as file:
                file.write(changed)
            result = execute([HULL, "inspect", "--files", path], GUARD)
            again = f"HULL_DAMAGE_FIRST={number} HULL_DAMAGE_COUNT=1: {result}"
            assert result.returncode in (0, 1), again
            assert (result.returncode == 1) == result.stderr.startswith(b"hull: inspect: "), again
            assert changed == content or result.returncode == 1 or arguments, again
        rounds(content, check)


@test
def inspect_of_an_image():
    refused_by_inspect([])


@test
def inspect_of_a_disk():
    refused_by_inspect(["--target", "disk"])


@test
def run_of_an_image():
    with scratch() as folder:
        path, content = made(folder)

        def check(number, changed):
            with open(path, "wb") as file:
                file.write(changed)
            os.chmod(path, 0o755)
            result = execute(hull_command([path]), GUARD)
            again = f"HULL_DAMAGE_FIRST={number} HULL_DAMAGE_COUNT=1: {result}"
            assert result.returncode in (126, 127), again
            assert result.stderr.startswith(b"hull: ") and not result.stdout and b"panic" not in result.stderr, again
        rounds(content, check)


if __name__ == "__main__":
    main()
