"""A prepared run for a machine with a GPU that is lent for minutes, in the order of what matters most.

    bash experiments/gpu/wheels.sh .whl                  # where packages can be had; see experiments/gpu/README.md
    python experiments/gpu/run.py results --minutes 9    # on that machine; the same command again goes on
    python experiments/gpu/run.py rehearsal --rehearsal  # everything small, on a CPU: does every part run?

Each stage is a command with a share of the time. At the end, or when the time is up, what tells most is packed into
parts of at most 15 MiB: reports, curves, adapters, weights.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

ROOT = Path(__file__).parents[2]
PART, ALL = 15 << 20, 60 << 20  # bytes of a part, and of all that is brought back
PACKING = 20.0  # seconds kept for it
GRACE = 5.0  # seconds between the signal that asks a stage to end and the one that ends it
# What is brought back, the most telling first; what no longer fits is named in `left-out.txt`.
ORDER = ("*.json", "*.jsonl", "*.md", "*.txt", "*.svg", "adapter_model.safetensors", "*.safetensors")


@dataclass(frozen=True, slots=True)
class Stage:
    """A command, and its share of the time."""

    name: str
    share: float
    command: list[str]


def main(
    out: Annotated[Path, typer.Argument(help="Folder of all that is made, and of the parts to bring back.")],
    minutes: Annotated[float, typer.Option(help="For everything, packing included.")] = 9,
    rehearsal: Annotated[bool, typer.Option("--rehearsal", help="Everything small, on a CPU.")] = False,
) -> None:
    """Look at the machine, search through transformers, pretrain a larger mini, run the loop, pack what came of it."""
    end = time.monotonic() + 60 * minutes - PACKING
    work = out / "work"
    work.mkdir(parents=True, exist_ok=True)
    (work / "machine.json").write_text(json.dumps(machine(), indent=1) + "\n")
    stages = planned(work, rehearsal)
    for number, stage in enumerate(stages):
        left, shares = end - time.monotonic(), sum(one.share for one in stages[number:])
        if left > GRACE and not finished(work, stage.name):
            status = run(stage, left * stage.share / shares, work)
            print(f"{stage.name}: {'done' if status == 0 else f'status {status}, the last words in {stage.name}.txt'}")
    pack(work, out)


def planned(work: Path, small: bool) -> list[Stage]:
    """The stages: mini's own weights on the GPU, a mini of 10 million parameters, the loop with 1,200 programs a task.

    A pretraining that is cut off is exported from its last checkpoint.
    """
    soar, pretrain = [sys.executable, "-m", "soar"], ROOT / "experiments/pretraining/pretrain_mini.py"
    tasks, limit = ("gym/domain-8/train", ["--limit", "4"]) if small else ("arc-agi-1/training", [])
    size, batch = ("tiny", 4096) if small else ("medium", 131072)
    larger = [sys.executable, str(pretrain), "--out", str(work / "larger"), "--size", size]
    larger += ["--batch-tokens", str(batch), "--steps", "2" if small else "600", "--every", "50"]
    larger += ["--evaluate-every", "0" if small else "600"]
    search = [*soar, "search", tasks, "--limit", "2" if small else "20", "--seed", "0", "--refinements", "0"]
    search += ["--model", f"hf:{ROOT / 'soar/models/mini/weights'}", "--samples", "2" if small else "32"]
    loop = [*soar, "iterate", "--tasks", tasks, *limit, "--run", str(work / "loop"), "--seed", "0"]
    loop += ["--iters", "1" if small else "4", "--samples", "8" if small else "1000"]
    loop += ["--refinements", "2" if small else "200"]
    return [
        Stage("search", 1, [*search, "--run", str(work / "search")]),
        Stage("larger", 4, larger),
        Stage("export", 0.2, [*larger, "--export"]),
        Stage("loop", 5, loop),
    ]


def finished(work: Path, name: str) -> bool:
    """Whether a stage came to its end."""
    log = work / "stages.jsonl"
    lines = map(json.loads, log.read_text().splitlines()) if log.exists() else []
    return any(line["stage"] == name and line["status"] == 0 for line in lines)


def run(stage: Stage, seconds: float, work: Path) -> int:
    """Run a stage for at most `seconds`, all it says into a file; note how long it took, and return its status."""
    began = time.monotonic()
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive", "PYTHONUNBUFFERED": "1"}
    with (work / f"{stage.name}.txt").open("ab") as file:
        child = subprocess.Popen(
            stage.command, cwd=ROOT, env=environment, stdout=file, stderr=file, start_new_session=True
        )
        for sent, wait in ((signal.SIGINT, seconds), (signal.SIGKILL, GRACE)):
            try:
                child.wait(wait)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, sent)
        status = child.wait()
    with (work / "stages.jsonl").open("a") as file:
        line = {"stage": stage.name, "seconds": round(time.monotonic() - began, 1), "status": status}
        file.write(json.dumps(line) + "\n")
    return status


def machine() -> dict[str, Any]:
    """What the machine is: device, versions, cores; and how fast it multiplies matrices in bf16."""
    import torch
    import transformers

    found: dict[str, Any] = {"cores": os.cpu_count(), "python": sys.version.split()[0], "torch": torch.__version__}
    found |= {"transformers": transformers.__version__, "device": "cpu"}
    if torch.cuda.is_available():
        found["device"] = torch.cuda.get_device_name()
        side, times = 8192, 20
        a = torch.randn(side, side, device="cuda", dtype=torch.bfloat16)
        torch.matmul(a, a)
        torch.cuda.synchronize()
        began = time.monotonic()
        for _ in range(times):
            torch.matmul(a, a)
        torch.cuda.synchronize()
        found["bf16 TFLOP/s"] = round(2 * side**3 * times / (time.monotonic() - began) / 1e12)
    return found


def telling(work: Path) -> Iterator[Path]:
    """Yield the files to bring back, each once, in the order of what they tell."""
    seen: set[Path] = set()
    for pattern in ORDER:
        for file in sorted(work.rglob(pattern), key=lambda one: (len(one.parts), str(one))):
            if file.is_file() and not file.is_symlink() and file not in seen:
                seen.add(file)
                yield file


def pack(work: Path, out: Path) -> None:
    """Write what is to be brought back into OUT/part-0 to part-3: `cat part-* | tar xz` gives the files again."""
    taken, left, total = list[Path](), list[Path](), 0
    for file in telling(work):
        fits = total + file.stat().st_size <= ALL
        total += file.stat().st_size if fits else 0
        (taken if fits else left).append(file)
    (work / "left-out.txt").write_text("".join(f"{one.relative_to(work)} {one.stat().st_size}\n" for one in left))
    whole = work / "whole.tar.gz"
    with tarfile.open(whole, "w:gz", compresslevel=1) as tar:
        for file in [work / "left-out.txt", *taken]:
            tar.add(file, file.relative_to(work))
    with whole.open("rb") as packed:
        for number in range(-(-whole.stat().st_size // PART)):
            (out / f"part-{number}").write_bytes(packed.read(PART))
    whole.unlink()
    print(f"{len(taken)} files, {total / 2**20:.1f} MiB, {len(left)} left out: see left-out.txt")


if __name__ == "__main__":
    typer.run(main)
