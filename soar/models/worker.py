"""A model in a process of its own: its thread settings, its memory and its crashes stay there.

The process is a fresh interpreter, not a fork, and never re-imports the caller's main module: a script of ten lines
needs no `if __name__ == "__main__"`.
"""

from __future__ import annotations

import importlib
import socket
import subprocess
import sys
import threading
import traceback
from typing import Any

from multiprocess.connection import Connection

from soar.core.incidents import record_incident
from soar.core.process import start_child
from soar.models.base import ModelError

RETRIES = 2
START = "import sys; sys.path[:] = {path!r}; from soar.models.worker import serve; serve({fd}, {target!r})"


class Worker:
    """Calls the methods of an object that lives in a child process; one call at a time.

    Args:
        target: "module:Class" of the object.
        arguments: what it is made with, in the child.
        threads: threads of its numerical libraries.
    """

    def __init__(self, target: str, arguments: dict[str, Any], threads: int = 1) -> None:
        self.target, self.arguments, self.threads = target, arguments, threads
        self.lock = threading.Lock()
        self.closed = False
        self.process: subprocess.Popen[bytes] | None = None
        self.connection: Connection | None = None

    def call(self, method: str, *args: Any) -> Any:
        """Return `object.method(*args)`.

        Raises:
            ModelError: the method raised, or the process died each time it was asked.
        """
        with self.lock:
            for _ in range(1 + RETRIES):
                answer = self._ask(method, args)
                if self.closed:
                    raise ModelError("the model was closed")
                if answer is not None:
                    break
                self._stop()
                record_incident("model process restarted", f"the process of {self.target} died on {method}")
            else:
                raise ModelError(
                    f"the process of {self.target} died {1 + RETRIES} times on {method}; is there memory enough?"
                )
        ok, value = answer
        if not ok:
            error = ModelError(value.strip().splitlines()[-1])
            error.add_note(f"in the process of {self.target}:\n{value}")
            raise error
        return value

    def _ask(self, method: str, args: tuple[Any, ...]) -> tuple[bool, Any] | None:
        """Return (True, result) or (False, traceback); None when the process has died."""
        if self.connection is None:
            self._start()
        assert self.connection is not None
        try:
            self.connection.send((method, args))
            answer: tuple[bool, Any] = self.connection.recv()
        except (EOFError, ConnectionError):
            return None
        return answer

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        code = START.format(path=sys.path, fd=theirs.fileno(), target=self.target)
        self.process = start_child(code, theirs.fileno(), self.threads)
        theirs.close()
        self.connection = Connection(ours.detach())
        self.connection.send(self.arguments)

    def close(self) -> None:
        """End the process, also in the middle of a call, which then raises `ModelError`. Idempotent."""
        self.closed = True
        if self.process is not None:
            self.process.kill()  # wakes a thread that waits for an answer
        with self.lock:
            self._stop()

    def _stop(self) -> None:
        if self.process is not None and self.connection is not None:
            self.process.kill()
            self.process.wait()
            self.connection.close()
        self.connection = self.process = None


def serve(fd: int, target: str) -> None:
    """Run in the child: make the object, answer calls until the other end closes."""
    connection = Connection(fd)
    module, name = target.split(":")
    try:
        made = getattr(importlib.import_module(module), name)(**connection.recv())
        failure = None
    except Exception:  # whatever went wrong is the caller's to see
        failure = traceback.format_exc()
    while True:
        try:
            method, args = connection.recv()
            connection.send((False, failure) if failure else _answer(made, method, args))
        except (EOFError, BrokenPipeError):  # the parent has ended
            return


def _answer(made: object, method: str, args: tuple[Any, ...]) -> tuple[bool, Any]:
    try:
        return True, getattr(made, method)(*args)
    except Exception:  # whatever went wrong is the caller's to see
        return False, traceback.format_exc()
