"""Who holds a reservation, and whether they are still alive.

A process is known by host, pid and start time (a pid alone is used again), a ledger within it by a random mark. Where
the start time cannot be read (another host, an unusual system) nothing is known and the reservation's lease decides.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Owner:
    """One open ledger in one process."""

    host: str
    pid: int
    started: str
    mark: str

    @classmethod
    def here(cls) -> Owner:
        """A new owner in this process."""
        return cls(socket.gethostname(), os.getpid(), _started(os.getpid()) or "", secrets.token_hex(4))

    @classmethod
    def parse(cls, text: str) -> Owner:
        """Read back what `str` wrote."""
        host, pid, started, mark = text.rsplit("|", 3)
        return cls(host, int(pid), started, mark)

    def __str__(self) -> str:
        return f"{self.host}|{self.pid}|{self.started}|{self.mark}"

    def alive(self) -> bool | None:
        """Whether the process still runs; None where that cannot be known from here."""
        if self.host != socket.gethostname() or not self.started:
            return None
        return _started(self.pid) == self.started


def _started(pid: int) -> str | None:
    """When a running process began, in words that no other process of this host will have; None if there is none."""
    if Path("/proc/self/stat").exists():
        return _started_by_proc(pid)
    if os.name == "posix":
        listed = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return listed.stdout.strip() or None
    return None


def _started_by_proc(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = stat.rpartition(") ")[2].split()
    if state in "ZX":  # killed and not yet reaped by its parent: it will write nothing more
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    return f"{boot}-{fields[18]}"  # field 22 of proc(5), clock ticks since that boot
