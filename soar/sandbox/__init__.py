"""Runs programs nobody trusts: one process each, limited from outside, confined where the system allows."""

from __future__ import annotations

from soar.sandbox.encoding import EncodingError, Value, decode, encode
from soar.sandbox.outcome import Limits, Outcome, ProgramError, Status
from soar.sandbox.pool import Sandbox, SandboxError, doctor_report

__all__ = [
    "EncodingError",
    "Limits",
    "Outcome",
    "ProgramError",
    "Sandbox",
    "SandboxError",
    "Status",
    "Value",
    "decode",
    "doctor_report",
    "encode",
]
