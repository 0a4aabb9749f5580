"""Programs per second in the sandbox, beside other ways to run them.

    python experiments/benchmarks/sandbox.py [--rounds 5] [--scale 1.0]

ARC-like programs on 4 grids each, with 1 and 2 workers. Each way runs in fresh processes, which load their libraries
and run a few programs before the clock starts. The rounds take the ways in turn, and the best of each counts: what else
runs on a machine only slows them down. Writes results/sandbox.json beside this file."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
PROGRAMS = {
    "sandbox": 600,
    "bare fork": 600,
    "fresh interpreter": 16,
    "pool per input": 40,
    "pool": 80,
    "in-process": 4000,
}
LABELS = {
    "sandbox": "the sandbox",
    "bare fork": "(a) fork, exec, pipe, wait; no checks",
    "fresh interpreter": "(b) a fresh interpreter with numpy",
    "pool per input": "(c) a process pool for each input",
    "pool": "(c') a process pool for each program",
    "in-process": "(d) exec in the process itself",
}


def measure(name: str, workers: int, scale: float) -> float:
    """Programs per second."""
    processes = 1 if name == "sandbox" else workers
    count = max(4, int(PROGRAMS[name] * scale)) * (workers if name == "sandbox" else 1)
    command = [sys.executable, str(HERE / "sandbox_ways.py"), name, str(workers), str(count)]
    servers = [
        subprocess.Popen([*command, str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for seed in range(processes)
    ]
    for server in servers:
        expect(server, "ready")
    start = time.perf_counter()
    for server in servers:
        say(server)
    for server in servers:
        expect(server, "done")
    seconds = time.perf_counter() - start
    for server in servers:
        server.communicate("\n")
        assert server.returncode == 0
    return processes * count / seconds


def say(server: subprocess.Popen[str]) -> None:
    assert server.stdin
    server.stdin.write("\n")
    server.stdin.flush()


def expect(server: subprocess.Popen[str], word: str) -> None:
    assert server.stdout and server.stdout.readline().strip() == word


def report(rates: dict[str, dict[int, float]]) -> None:
    print(f"\n{'programs per second':<42}{'1 worker':>10}{'2 workers':>11}{'2 : 1':>7}   sandbox : this")
    for name, found in rates.items():
        ratios = " ".join(f"{rates['sandbox'][workers] / rate:8.2f}" for workers, rate in found.items())
        print(f"{LABELS[name]:<42}{found[1]:10.1f}{found[2]:11.1f}{found[2] / found[1]:7.2f}  {ratios}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="times the number of programs")
    arguments = parser.parse_args()
    samples: dict[str, dict[int, list[float]]] = {name: {1: [], 2: []} for name in LABELS}
    for number in range(arguments.rounds):
        for workers in (1, 2):
            for name in LABELS:
                samples[name][workers].append(measure(name, workers, arguments.scale))
                print(f"round {number + 1}: {name}, {workers}: {samples[name][workers][-1]:.1f}/s", flush=True)
    rates = {name: {workers: max(s) for workers, s in found.items()} for name, found in samples.items()}
    report(rates)
    facts = {"python": platform.python_version(), "kernel": platform.release(), "cores": os.cpu_count()}
    (HERE / "results").mkdir(exist_ok=True)
    path = HERE / "results" / "sandbox.json"
    path.write_text(json.dumps({"machine": facts, "programs_per_second": rates, "samples": samples}, indent=1) + "\n")
    print(f"\nwritten to {path}")


if __name__ == "__main__":
    main()
