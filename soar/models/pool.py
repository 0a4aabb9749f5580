"""Requests spread over several workers, from any event loop."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from soar.models.worker import Worker


class WorkerPool:
    """Workers that all hold the same model; a request goes to a free one, best to the one that knows its prefix."""

    def __init__(self, workers: list[Worker]) -> None:
        self.workers = workers
        self.free = list(workers)
        self.freed = threading.Condition()
        self.last: dict[int, Worker] = {}
        self.threads = ThreadPoolExecutor(len(workers), thread_name_prefix="soar-model")

    async def call(self, prefix: int, method: str, *args: Any) -> Any:
        """Return the method's answer; `prefix` names the prompt beginning that a worker may have in its cache."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, self._call, prefix, method, args)

    def load_adapter(self, path: str | None) -> None:
        """Let every worker answer with the adapter in folder `path`, also after it has been replaced."""
        for _ in self.threads.map(lambda worker: worker.call("load", path), self.workers):
            pass  # raises what a call has raised
        for worker in self.workers:
            worker.arguments["adapter"] = path

    def close(self) -> None:
        """End all workers. Idempotent."""
        for worker in self.workers:
            worker.close()
        self.threads.shutdown(wait=False, cancel_futures=True)

    def _call(self, prefix: int, method: str, args: tuple[Any, ...]) -> Any:
        with self.freed:
            self.freed.wait_for(lambda: bool(self.free))
            known = self.last.get(prefix)
            worker = self.free.pop(self.free.index(known) if known in self.free else 0)
            self.last[prefix] = worker
        try:
            return worker.call(method, *args)
        finally:
            with self.freed:
                self.free.append(worker)
                self.freed.notify()
