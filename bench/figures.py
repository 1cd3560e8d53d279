# SPDX-License-Identifier: BSD-2-Clause
"""
Tables of figures, and the file that keeps them: a section for each part of the bench, with the day and the
machine that it is from, the part's own words (bench/text/PART.md: what is counted, and what bounds it) and
its tables. A run writes the sections of the parts that it ran; the others keep their figures.
"""
import contextlib, datetime, io, os, re, statistics
import summary

FAILURE = 300           # characters of an error that stand with the figures
TEXTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "text")
HEAD = """# Figures

Written by `make bench`; do not edit. Times are medians or the least of several rounds (bench/run says which);
`-`: not measured or not possible. Resident memory is proportional (PSS), of all processes.
"""


class Sample(float):
    """A median that knows how far the rounds lay apart: half of their range, in hundredths of it."""
    spread = None

    @classmethod
    def of(cls, values):
        sample = cls(statistics.median(values))
        if len(values) > 1 and sample > 0:
            sample.spread = 50 * (max(values) - min(values)) / sample
        return sample


def cell(value):
    """A number, or words."""
    if value is None or isinstance(value, str):
        return value or "-"
    text = f"{value:.3g}" if value < 100 else f"{value:,.0f}"
    spread = getattr(value, "spread", None)
    return text if spread is None else f"{text} ±{spread:.0f} %"


class Table:
    """
    Rows of a value for each column. Rows of a group stand together, in the order of their first; a group has the
    table's columns, or its own. What could not be measured is told with the rest.
    """
    def __init__(self, columns, rounds, quiet):
        self.columns, self.rounds, self.quiet = columns, rounds, quiet
        self.groups, self.own_columns, self.failures = {}, {}, []

    def set_columns(self, group, columns):
        self.own_columns[group] = columns

    def add(self, name, unit, values, group=""):
        if group not in self.groups:
            print(f"\n{self.head(group)}")
        self.groups.setdefault(group, []).append((name, unit, values))
        print(self.line(group, name, unit, values), flush=True)

    def fail(self, what, error):
        """The figures go on without it, and say so."""
        text = " ".join((str(error) or repr(error)).split())
        self.failures.append(f"{what}: {text[:FAILURE]}{'…' if len(text) > FAILURE else ''}")
        print(f"not measured: {self.failures[-1]}", flush=True)

    def columns_of(self, group):
        return self.own_columns.get(group, self.columns)

    def line(self, group, name, unit, values):
        return "| " + " | ".join([f"{name:48}", f"{unit:6}",
                                  *[f"{cell(values.get(column)):>15}" for column in self.columns_of(group)]]) + " |"

    def head(self, group):
        columns = self.columns_of(group)
        titles = [f"{'what':48}", f"{'unit':6}", *[f"{column:>15}" for column in columns]]
        rule = ["-" * 48, "-" * 6, *["-" * max(14, len(column) - 1) + ":" for column in columns]]
        return "| " + " | ".join(titles) + " |\n| " + " | ".join(rule) + " |"

    def text(self):
        parts = []
        for group, rows in self.groups.items():
            title = f"### {group}\n\n" if group else ""
            parts.append(title + "\n".join([self.head(group), *[self.line(group, *row) for row in rows]]))
        return "\n\n".join(parts)


def words_of(part):
    try:
        with open(f"{TEXTS}/{part}.md") as file:
            return file.read().strip() + "\n\n"
    except FileNotFoundError:
        return ""


def section(about, table):
    """What a run says of a part: where and when, and its tables."""
    missing = f" **Not measured**: {'; '.join(table.failures)}." if table.failures else ""
    return f"{datetime.date.today()}: {about.strip()}{missing}", table.text() + "\n"


def read(path):
    """{title: section} of a file, which need not be there. The words between the two are not kept: see write()."""
    try:
        with open(path) as file:
            pieces = re.split(r"^## (.*)\n\n", file.read(), flags=re.MULTILINE)
    except FileNotFoundError:
        return {}
    found = {}
    for title, text in zip(pieces[1::2], pieces[2::2]):
        tables = re.search(r"^(### |\| what)", text, re.MULTILINE)
        found[title] = text.split("\n", 1)[0], text[tables.start():].rstrip() + "\n" if tables else ""
    return found


def values(sections):
    """{(title, group, what): {column: cell}} of {title: section}."""
    found = {}
    for title, (_, tables) in sections.items():
        group, columns = "", []
        for line in tables.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if line.startswith("### "):
                group = line[4:]
            elif cells[0] == "what":
                columns = cells
            elif line.startswith("| ") and not cells[0].startswith("---"):
                found[title, group, cells[0]] = dict(zip(columns, cells))
    return found


def beside_aims(sections):
    """The part at the head, which is made of the others."""
    table = Table(summary.AIM_COLUMNS, 0, None)
    with contextlib.redirect_stdout(io.StringIO()):
        summary.add_aims(table, values(sections))
    return f"\n## {summary.AIMS_TITLE}\n\n{words_of('aims')}{table.text()}\n" if table.groups else ""


def write(path, titles, new):
    """
    titles: {part: title}, in order; new: {title: section} of those that ran. All get their part's words of today.
    What stands in the file then: {title: section}.
    """
    found = {**read(path), **new}
    sections = {title: found[title] for title in titles.values() if title in found}
    text = HEAD + beside_aims(sections)
    for part, title in titles.items():
        if title in sections:
            about, tables = sections[title]
            text += f"\n## {title}\n\n{about}\n\n{words_of(part)}{tables}".rstrip() + "\n"
    with open(f"{path}.new", "w") as file:
        file.write(text)
    os.replace(f"{path}.new", path)
    return sections
