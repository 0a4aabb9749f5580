"""A search that is stopped, runs out of disk, loses sandbox workers and has its budget raised, against one left alone:

    python experiments/rough_road.py [--tasks 10] [--samples 16] [--refinements 16]      (as root: mounts a small tmpfs)

Prints what the command said at each event, and whether the archive and the results end the same.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from soar.archive import Archive
from soar.export import attempt_rows
from soar.search import load_run

ROOM_KB = 200  # what the disk has left when it is about to be full


def command(run: Path, tasks: int, samples: int, refinements: int, stop: Path) -> list[str]:
    """The search as a command line."""
    options = {"--run": run, "--limit": tasks, "--samples": samples, "--refinements": refinements, "--stop-file": stop}
    flat = [str(part) for option in options.items() for part in option]
    return [sys.executable, "-m", "soar", "search", "arc-agi-1/training", *flat, "--drop-examples", "--json"]


def completions(run: Path) -> int:
    """How many are recorded; 0 where there is no archive yet."""
    if not (run / "tasks.json").exists():
        return 0
    with Archive(run) as archive:
        return archive.counts()["completions"]


def wait_for(run: Path, more: int, process: subprocess.Popen[str]) -> None:
    """Wait until the search has recorded `more` completions, or has ended."""
    goal = completions(run) + more
    while process.poll() is None and completions(run) < goal:
        time.sleep(0.05)


def resize(disk: Path, kilobytes: int) -> None:
    """Give the tmpfs another size."""
    subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", str(disk)], check=True)


def sandbox_processes(parent: int) -> list[int]:
    """The sandbox's processes below a process."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):  # ended meanwhile
            line = (folder / "cmdline").read_bytes()
            owner = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if owner == parent and b"soar.models.worker" not in line:
                found.append(int(folder.name))
    return found


def last_line(process: subprocess.Popen[str]) -> str:
    """Wait for the end; return the exit status and the last thing said."""
    said = process.communicate()[1].strip().splitlines()
    return f"status {process.returncode}: {said[-1] if said else 'nothing said'}"


def start(line: list[str]) -> subprocess.Popen[str]:
    """Start a search whose words can be read."""
    return subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def rough(disk: Path, given: argparse.Namespace, stop: Path) -> dict[str, str | int]:
    """Let it all happen to one search; return what was said."""
    run, said = disk / "run", dict[str, str | int]()
    line = command(run, given.tasks, given.samples, given.refinements, stop)
    process = start(line)
    wait_for(run, 32, process)
    stop.touch()
    said["stop file"] = last_line(process)
    stop.unlink()
    resize(disk, (shutil.disk_usage(disk).used >> 10) + ROOM_KB)
    said["full disk"] = last_line(start(line))
    resize(disk, 1 << 18)
    process = start(line)
    wait_for(run, 32, process)
    lost = sandbox_processes(process.pid)
    for one in lost:
        os.kill(one, signal.SIGKILL)
    said["sandbox workers killed"] = len(lost)
    said["after that"] = last_line(process)
    line = command(run, given.tasks, 2 * given.samples, 2 * given.refinements, stop)
    said["raised budget"] = last_line(start(line))
    return said


def main() -> None:
    """Print what happened as JSON; end with status 1 where anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, usual in {"tasks": 10, "samples": 16, "refinements": 16}.items():
        parser.add_argument(f"--{name}", type=int, default=usual)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        disk, alone, stop = Path(folder) / "disk", Path(folder) / "alone", Path(folder) / "stop"
        for factor in (1, 2):
            line = command(alone, given.tasks, factor * given.samples, factor * given.refinements, stop)
            subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(disk)], check=True)
        try:
            said = rough(disk, given, stop)
            copy = shutil.copytree(disk / "run", Path(folder) / "copy")
        finally:
            subprocess.run(["umount", str(disk)], check=True)
        same = _content(copy) == _content(alone)
        found = {**said, "completions": completions(copy), "same_as_left_alone": same}
    print(json.dumps(found, indent=1))
    sys.exit(0 if same else 1)


def _content(run: Path) -> object:
    results = load_run(run)
    with Archive(run) as archive:
        return list(attempt_rows(archive, [result.task for result in results.values()])), results.to_json()


if __name__ == "__main__":
    main()
