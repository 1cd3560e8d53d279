# SPDX-License-Identifier: BSD-2-Clause
"""
What the machine does beside a measurement. Everything that is busy and is neither ours nor a descendant's of ours
(/proc/stat less schedstat and getrusage(2)) are others; a round in which they had more than a seventh of a CPU
is taken again, as long as patience lasts, and what they had of the rounds that count is told with the figures.

    quiet = Quiet(patience=600)             # seconds to spend on waiting and on rounds in vain
    result = quiet.take(lambda: client(side))
"""
import os, resource, time
from processes import used_ns

LIMIT = 0.15
LOOK = 0.5              # seconds
TICK = 1 / os.sysconf("SC_CLK_TCK")


def busy():
    """Seconds that all CPUs spent on something, since the machine started."""
    with open("/proc/stat") as file:
        user, nice, system, _, _, irq, softirq = (int(word) for word in file.readline().split()[1:8])
    return (user + nice + system + irq + softirq) * TICK


def ours():
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime + used_ns() / 1e9


class Quiet:
    def __init__(self, patience=0):
        self.patience, self.shares = patience, []

    def _share(self, function):
        """What the function returns, and what others had of a CPU meanwhile."""
        start, before = time.monotonic(), busy() - ours()
        result = function()
        return result, (busy() - ours() - before) / (time.monotonic() - start)

    def _wait(self):
        while self.patience > 0:
            if self._share(lambda: time.sleep(LOOK))[1] < LIMIT:
                return
            self.patience -= LOOK

    def take(self, function):
        while True:
            self._wait()
            start = time.monotonic()
            result, share = self._share(function)
            if share < LIMIT or self.patience <= 0:
                self.shares.append(share)
                return result
            self.patience -= time.monotonic() - start

    def text(self):
        """For the figures: the half of the rounds, and the worst."""
        how = "" if os.sched_getscheduler(0) == os.SCHED_OTHER else "Measured with real-time priority (chrt -r 1). "
        if not self.shares:
            return how
        ordered = sorted(max(share, 0) for share in self.shares)
        half, most = ordered[len(ordered) // 2], ordered[-1]
        return f"{how}Other programs had {half:.0%} of a CPU meanwhile, {most:.0%} at the most."
