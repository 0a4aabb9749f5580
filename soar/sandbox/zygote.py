"""The process that holds the libraries and forks once per program. It watches each child from outside, ends it at its
limits, and passes its answers on. It runs nothing that it is sent."""

from __future__ import annotations

import mmap
import os
import select
import signal
from time import monotonic
from typing import NoReturn

from soar.sandbox import child, confinement, limits, wire
from soar.sandbox.outcome import Limits

_HEADROOM = 1 << 16
# Whoever waits for a core gets a little of one within this time, however loaded the machine; whoever sleeps does not.
_SLEEP, _LITTLE = 0.5, 0.002


class ParentGoneError(Exception):
    """The other end of the control channel has closed."""


class Zygote:
    """Serves one job at a time from `control`."""

    def __init__(self, control: int, bounds: Limits, layers: confinement.Layers) -> None:
        self.control, self.bounds, self.layers = control, bounds, layers
        self.reach: limits.Reach = "orphans"
        if layers.get("pid namespace") is True:
            self.reach = "namespace"
        elif layers.get("seccomp") is True:
            self.reach = "group"
        self.largest = max(bounds.output_kb * 1024, wire.ERROR_BYTES)
        self.answers = mmap.mmap(-1, wire.FRAME.size + self.largest + _HEADROOM, flags=mmap.MAP_PRIVATE)
        if hasattr(mmap, "MADV_DONTFORK"):  # no program sees what another has answered
            self.answers.madvise(mmap.MADV_DONTFORK)
        self.poller = select.poll()
        self.poller.register(control, 0)  # hang-ups only

    def serve(self) -> NoReturn:
        while True:
            count, size = wire.JOB.unpack(self.receive(bytearray(wire.JOB.size)))
            with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE) as body:  # given back whole: the next program finds none
                self.receive(body)
                self.run(count, body)

    def run(self, count: int, body: mmap.mmap) -> None:
        nonce = os.urandom(16)
        channel, inner = os.pipe()
        try:
            pid = os.fork()
        except OSError as error:
            os.close(channel)
            os.close(inner)
            self.report(wire.TROUBLE, 0.0, f"cannot fork: {error.strerror}".encode())
            return
        if pid == 0:
            try:
                os.setsid()
                os.dup2(inner, 3)
                os.closerange(4, 4096)
                child.live(3, nonce, count, memoryview(body), self.bounds, self.layers)
            finally:
                os._exit(1)
        os.close(inner)
        self.poller.register(channel, select.POLLIN)
        watch = Watch(self, pid, channel, nonce, count - 2)
        try:
            watch.follow()
        finally:
            self.poller.unregister(channel)
            os.close(channel)
            limits.end_everything(pid, self.reach)

    def report(self, kind: int, seconds: float, payload: bytes | memoryview) -> None:
        for part in (wire.REPORT.pack(kind, seconds, len(payload)), payload):
            rest = memoryview(part)
            while rest:
                rest = rest[os.write(self.control, rest) :]

    def receive(self, buffer: bytearray | mmap.mmap) -> bytearray | mmap.mmap:
        with memoryview(buffer) as rest:
            filled = 0
            while filled < len(rest):
                got = os.readv(self.control, [rest[filled:]])
                if not got:
                    raise ParentGoneError
                filled += got
        return buffer


class Watch:
    """Follows one child until all inputs are answered, or it has to be ended."""

    def __init__(self, zygote: Zygote, pid: int, channel: int, nonce: bytes, inputs: int) -> None:
        self.zygote, self.pid, self.channel, self.nonce = zygote, pid, channel, nonce
        self.open = inputs  # inputs without an answer
        self.ready = False
        self.filled = 0
        self.cpu = 0.0  # what it had used at its last frame, what it has used since, and when that was
        self.spent = 0.0
        self.since = monotonic()
        self.asleep = 0.0  # seconds since then
        self.awake = (self.since, 0.0)  # when it was last seen to be at work, and what it had used by then

    def follow(self) -> None:
        bounds, view = self.zygote.bounds, memoryview(self.zygote.answers)
        while self.open:
            self.spent = spent = limits.cpu_seconds(self.pid) - self.cpu
            waited = monotonic() - self.since
            self.count_sleep()
            if spent >= bounds.seconds:
                return self.verdict(wire.TIMEOUT, f"used more than {bounds.seconds:g} s of CPU time")
            if spent + self.asleep >= bounds.seconds:
                return self.verdict(
                    wire.TIMEOUT, f"took more than {bounds.seconds:g} s, {self.asleep:g} s of it asleep"
                )
            if waited >= bounds.wall_seconds:
                return self.verdict(wire.TIMEOUT, f"took more than {bounds.wall_seconds:g} s")
            patience = min(bounds.seconds - spent, bounds.wall_seconds - waited, _SLEEP)
            for descriptor, _ in self.zygote.poller.poll(1000 * patience + 2):
                if descriptor != self.channel:
                    raise ParentGoneError
                got = os.readv(self.channel, [view[self.filled :]])
                if not got:
                    return self.ended()
                self.filled += got
                if not self.pass_on(view):
                    return self.verdict(wire.CRASH, "wrote to the channel that carries its answers")

    def count_sleep(self) -> None:
        """Add the last while to the time asleep if the child has not worked in it. Waiting for a core is not counted.

        A while in which this process did not get to look, since the machine stood still, counts no more than usual.
        """
        now, (then, used) = monotonic(), self.awake
        if self.spent - used >= _LITTLE:
            self.awake = (now, self.spent)
        elif now - then >= _SLEEP:
            self.asleep += _SLEEP
            self.awake = (now, self.spent)

    def pass_on(self, view: memoryview) -> bool:
        """Pass all whole frames on; False when the child has written something else."""
        start = 0
        while self.open and self.filled - start >= wire.FRAME.size:
            nonce, kind, seconds, length = wire.FRAME.unpack_from(view, start)
            expected = kind <= wire.INVALID if self.ready else kind in (wire.READY, wire.TROUBLE)
            if nonce != self.nonce or not expected or length > self.zygote.largest:
                return False
            end = start + wire.FRAME.size + length
            if end > self.filled:
                break
            self.take(kind, seconds, view[end - length : end])
            start = end
        view[: self.filled - start] = view[start : self.filled]
        self.filled -= start
        return True

    def take(self, kind: int, seconds: float, payload: memoryview) -> None:
        used = limits.cpu_seconds(self.pid)
        spent, self.cpu, self.since = used - self.cpu, used, monotonic()
        self.asleep, self.awake = 0.0, (self.since, 0.0)
        if kind == wire.READY:
            self.ready = True
            return
        self.open = 0 if kind == wire.TROUBLE else self.open - 1
        self.zygote.report(kind, seconds if 0 <= seconds <= used else spent, payload)

    def ended(self) -> None:
        """The channel has closed before the last answer."""
        self.spent = limits.cpu_seconds(self.pid) - self.cpu
        deadline = monotonic() + 0.5  # its files close a moment before it is dead
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT
        while not (end := os.waitid(os.P_PID, self.pid, how)) and monotonic() < deadline:
            select.select([], [], [], 0.001)
        if not end:
            self.verdict(wire.CRASH, "closed the channel that carries its answers")
        elif end.si_code == os.CLD_EXITED and end.si_status == wire.NO_ROOM:
            self.verdict(wire.KILLED, f"used more than {self.zygote.bounds.memory_mb} MiB")
        elif end.si_code == os.CLD_EXITED:
            self.verdict(wire.CRASH, f"ended with exit status {end.si_status}")
        elif end.si_status == signal.SIGXCPU:
            self.verdict(wire.TIMEOUT, "used more CPU time than its inputs together may")
        elif end.si_status == signal.SIGKILL:
            self.verdict(wire.KILLED, "the system ran out of memory")
        else:
            self.verdict(wire.CRASH, f"ended by {signal.Signals(end.si_status).name}")

    def verdict(self, kind: int, message: str) -> None:
        """End the program: the input in hand gets the verdict. Before it has begun it is not to blame."""
        self.zygote.report(kind if self.ready else wire.TROUBLE, max(0.0, self.spent), message.encode())
        self.open = 0
