"""What runs in the training process, from a folder that says what to make."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import traceback
from pathlib import Path
from typing import Any

from soar.training.folder import HELD_OUT, LOCK, PLAN, RETAIN, ROWS


def run(folder: str, fd: int) -> None:
    """Train what `folder` asks for, tell of it as JSON lines on socket `fd`, end when its other end closes."""
    connection = socket.socket(fileno=fd)
    threading.Thread(target=_end_with_parent, args=(connection.dup(),), daemon=True).start()

    def send(**event: Any) -> None:
        connection.sendall((json.dumps(event) + "\n").encode())

    with (Path(folder) / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the process of a killed call may still be ending
        try:
            send(**_train(Path(folder), send))
        except Exception as error:  # whatever went wrong is the caller's to see
            send(error=f"{type(error).__name__}: {error}", traceback=traceback.format_exc())


def _end_with_parent(connection: socket.socket) -> None:
    connection.recv(1)
    os._exit(1)


def _train(folder: Path, send: Any) -> dict[str, Any]:
    plan = json.loads((folder / PLAN).read_text(encoding="utf-8"))
    if plan["unsloth"]:
        import unsloth  # noqa: F401  # before everything that it patches
    import datasets

    from soar.models.tokens import tokenizer_hash
    from soar.training.checks import Checks
    from soar.training.config import TrainingConfig
    from soar.training.methods import method_of
    from soar.training.methods.base import Policy, Signal

    datasets.disable_progress_bars()
    config = TrainingConfig.of(plan["config"])
    policy = Policy(plan["source"], config, plan["unsloth"], plan["continue_from"], plan["made_of"]["model"])
    given = {name: datasets.load_from_disk(str(folder / name)) for name in plan["datasets"]}
    signal = Signal(given[ROWS], given.get(RETAIN), given.get(HELD_OUT))
    method = method_of(config.method)
    send(stage="loading the model")
    checks = Checks(policy, signal, method.consumes)
    figures = method.train(policy, signal, config, folder, send)
    send(stage="looking at what was learnt")
    checks.write(folder)
    policy.network.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)  # a form for a hub, not filled in
    facts = {"method": method.name, "consumes": method.consumes, "window": policy.window, "unsloth": plan["unsloth"]}
    return {"figures": facts | figures, "tokenizer": tokenizer_hash(policy.tokenizer)}
