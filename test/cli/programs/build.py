#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Debian's make, gcc, as, ld and ar in the guest build a C project of some 20 files in parallel: every object,
the archive and the program are bit for bit what the host builds from the same folder.
"""
import hashlib, os, random, shutil, sys
sys.path.append(os.path.dirname(sys.path[0]))
from harness import GUARD, equal, execute, host, hull, main, needs, scratch, test

MODULES = 20
MAKEFILE = """CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -I.
OBJECTS := $(patsubst %.c,%.o,$(filter-out main.c,$(sort $(wildcard *.c))))

all: program report.txt
program: main.o libmodules.a
\t$(CC) -o $@ main.o -L. -lmodules -lm
libmodules.a: $(OBJECTS)
\trm -f $@
\tar rcsD $@ $^
%.o: %.c modules.h
\t$(CC) $(CFLAGS) -MMD -c $< -o $@
report.txt: program
\t./program > $@; nm -C program | sort | grep -c ' T ' >> $@; size -A libmodules.a | wc -l >> $@
clean:
\trm -f *.o *.d *.a program report.txt
.PHONY: all clean
"""
FUNCTION = """
/* {name}: {kind} */
{static}unsigned long {name}(unsigned long x)
{{
\tstruct {module}_node *list = NULL, *n;
\tunsigned long sum = {seed}ul;

\tfor (unsigned long i = 0; i < {rounds}; i++) {{
\t\tn = calloc(1, sizeof(*n));
\t\tif (!n)
\t\t\tabort();
\t\tn->value = (x ^ i) * {factor}ul;
\t\tn->next = list;
\t\tlist = n;
\t}}
\twhile ((n = list) != NULL) {{
\t\tlist = n->next;
\t\tsum = (sum << 5) + (sum >> 3) + n->value;
\t\tfree(n);
\t}}
\treturn sum + (unsigned long)floor(sqrt((double)(sum % 10007)));
}}
"""


def module_source(number):
    rng = random.Random(number)
    module = f"module{number}"
    parts = ['#include "modules.h"', "#include <math.h>", "#include <stdlib.h>", "#include <string.h>",
             f"\nstruct {module}_node {{\n\tstruct {module}_node *next;\n\tunsigned long value;\n}};"]
    names = [f"{module}_part{i}" for i in range(6)]
    for name in names:
        parts.append(FUNCTION.format(name=name, kind=rng.choice(("list", "sum", "hash")), static="static ",
                                     module=module, seed=rng.getrandbits(31), rounds=rng.randint(10, 60),
                                     factor=rng.getrandbits(30) | 1))
    calls = " + ".join(f"{name}(x + {i})" for i, name in enumerate(names))
    before = f" + {f'module{number - 1}'}(x / 2)" if number else ""
    parts.append(f"\nunsigned long {module}(unsigned long x)\n{{\n\treturn {calls}{before};\n}}\n")
    return "\n".join(parts)


def write_project(folder):
    files = {"Makefile": MAKEFILE, **{f"module{n}.c": module_source(n) for n in range(MODULES)}}
    files["modules.h"] = "#pragma once\n" + "".join(f"unsigned long module{n}(unsigned long x);\n"
                                                     for n in range(MODULES))
    calls = "\n".join(f'\tprintf("module{n} %lx\\n", module{n}({n * 17 + 1}));' for n in range(MODULES))
    files["main.c"] = f'#include <stdio.h>\n#include "modules.h"\n\nint main(void)\n{{\n{calls}\n\treturn 0;\n}}\n'
    for name, text in files.items():
        with open(f"{folder}/{name}", "w") as file:
            file.write(text)
        os.utime(f"{folder}/{name}", (1600000000, 1600000000))


def digests(folder):
    result = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith((".o", ".d", ".a", ".txt")) or name == "program":
            with open(f"{folder}/{name}", "rb") as file:
                result[name] = hashlib.sha256(file.read()).hexdigest()
    return result


def make(folder, *more):
    return ["make", "-s", "-C", folder, *more]


def built_by_the_host(folder):
    """What the host makes of it, in a folder of the same name: paths are in the debug information."""
    write_project(folder)
    result = host(*make(folder, "-j2"))
    equal("the host's make", (result.returncode, result.stderr), (0, b""))
    made = digests(folder)
    assert len(made) == 2 * (MODULES + 1) + 3, sorted(made)
    shutil.rmtree(folder)
    os.mkdir(folder)
    write_project(folder)
    return made


@test
def a_parallel_build_in_a_volume():
    needs("make", "gcc")
    with scratch() as parent:
        folder = f"{parent}/project"
        os.mkdir(folder)
        expected = built_by_the_host(folder)
        result = hull(*make(folder, "-j4"), options=("-m", "1G", "-v", f"{folder}:{folder}"))
        equal("make", (result.returncode, result.stdout, result.stderr[-2000:]), (0, b"", b""))
        equal("what was built", digests(folder), expected)
        again = hull(*make(folder, "-q"), options=("-v", f"{folder}:{folder}"))
        equal("nothing to do again", again.returncode, 0)
        equal("the host agrees", execute(make(folder, "-q"), GUARD).returncode, 0)


@test
def a_parallel_build_in_the_overlay():
    needs("make", "gcc")
    with scratch() as folder:
        expected = built_by_the_host(folder)
        script = f"make -s -j4 -C {folder} && cd {folder} && sha256sum *.o *.d *.a *.txt program"
        result = hull("/bin/sh", "-c", script, options=("-m", "1G",))
        equal("make", (result.returncode, result.stderr[-2000:]), (0, b""))
        found = {line.split()[1]: line.split()[0] for line in result.stdout.decode().splitlines()}
        equal("what was built", found, expected)
        equal("the host's folder", digests(folder), {})


@test
def an_error_stops_the_build():
    needs("make", "gcc")
    with scratch() as folder:
        write_project(folder)
        with open(f"{folder}/module7.c", "a") as file:
            file.write("int broken(void) { return undeclared; }\n")
        lines = []
        for run in (host, hull):
            result = run(*make(folder, "-j1"), env={**os.environ, "LC_ALL": "C"})
            lines.append((result.returncode, result.stdout, result.stderr))
            host(*make(folder, "clean"))
        equal("status and messages", lines[1], lines[0])


if __name__ == "__main__":
    main()
