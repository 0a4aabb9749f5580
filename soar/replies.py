"""What a model wrote becomes the source of a program. Replies are read as text: never parsed, compiled or run here."""

from __future__ import annotations

import re
from dataclasses import dataclass

ENTRY_POINT = "transform"

_DEFINES = re.compile(rf"^(async\s+)?def\s+{ENTRY_POINT}\s*\(", re.MULTILINE)
_THINKING = re.compile(r"<(think|thinking|thought|reasoning)>.*?(</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_THOUGHT_ENDS = re.compile(r"</(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_NEWLINE = re.compile(r"\r+\n")
_FENCE = re.compile(r"^[ \t]*(```+|~~~+)[^\n`]*$", re.MULTILINE)
_STARTS_CODE = re.compile(
    r"^(import\s+\w|from\s+[\w.]+\s+import\b|def\s+\w+\s*\(|class\s+\w+|@\w|[A-Za-z_]\w*\s*=[^=])"
)
_IS_CODE = re.compile(
    r"^(\s|$|[#@)\]}]|(if|for|while|with|try|except|else|elif|finally|async)\b|[A-Za-z_][\w.]*\s*[\[(=+])"
)


@dataclass(frozen=True, slots=True)
class ParseFailure:
    """A reply that holds no program, and why."""

    reason: str


def parse_reply(reply: str, prefill: str = "", raw: bool = False) -> str | ParseFailure:
    """Return the source of the program in `reply`, which continues `prefill`.

    Tolerates thinking tags, prose around the code, several code blocks (the last that defines the entry point counts),
    a missing last fence, and a reply that begins its program anew instead of continuing the prefill. Source with syntax
    errors is still a program. With `raw`, everything is the program.
    """
    if not reply.strip():
        return ParseFailure("empty reply")
    if raw:
        return prefill + reply
    text = _NEWLINE.sub("\n", _without_thinking(prefill + reply))
    blocks = _fenced_blocks(text)
    for block in reversed(blocks):
        if _DEFINES.search(block):
            return block.strip("\r\n") + "\n"
    if _DEFINES.search(text):
        return _unfenced(text)
    return ParseFailure(f"no function {ENTRY_POINT!r} in the code" if blocks else "no code in the reply")


def write_reply(source: str, prefill: str = "", raw: bool = False) -> str:
    """Return the inverse of `parse_reply`: a reply, continuing `prefill`, that holds just this program.

    With `raw`, the source as it stands. Else a fenced block, the one that the prefill has opened where the source
    begins like it; a fence is longer than any in the source.
    """
    if raw:
        return source.removeprefix(prefill)
    longest = max((len(fence.group(1)) for fence in _FENCE.finditer(source)), default=2)
    if longest < 3:
        for fence in _FENCE.finditer(prefill):
            begun = prefill[fence.end() + 1 :]
            if begun and source.startswith(begun) and not _FENCE.search(begun):
                return source.removeprefix(begun) + "```\n"
    fence_text = "`" * (longest + 1)
    start = "" if not prefill or prefill.endswith("\n") else "\n"
    return f"{start}{fence_text}python\n{source}{fence_text}\n"


def _without_thinking(text: str) -> str:
    text = _THINKING.sub("", text)
    return _THOUGHT_ENDS.split(text)[-1]  # chat templates may put the opening tag into the prompt


def _fenced_blocks(text: str) -> list[str]:
    """The contents of all fenced blocks, in order.

    One that is never closed ends where a fence with a language begins another (a reply that does not go on with its
    prefill does so), or with the text.
    """
    fences = list(_FENCE.finditer(text))
    blocks = []
    while fences:
        opening = fences.pop(0)
        mark = opening.group(1)
        while fences and not fences[0].group(1).startswith(mark):
            fences.pop(0)
        end = fences[0].start() if fences else len(text)
        if fences and _closes(fences[0], mark):
            fences.pop(0)
        blocks.append(_dedent(text[opening.end() + 1 : end], opening.group(0)))
    return blocks


def _closes(fence: re.Match[str], mark: str) -> bool:
    return fence.group(0).strip().strip(mark[0]) == "" and fence.group(1).startswith(mark)


def _dedent(block: str, fence: str) -> str:
    """Take the fence's own indentation (a block in a list) off each line."""
    indent = fence[: len(fence) - len(fence.lstrip())]
    return "\n".join(line.removeprefix(indent) for line in block.split("\n")) if indent else block


def _unfenced(text: str) -> str:
    """Code in prose: from the first line that looks like it to the first, after the function, that does not."""
    lines = [line for line in text.split("\n") if not _FENCE.match(line)]
    first = next((i for i, line in enumerate(lines) if _STARTS_CODE.match(line)), 0)
    function = max(i for i, line in enumerate(lines) if _DEFINES.match(line))
    start = (
        first if all(_IS_CODE.match(line) or _STARTS_CODE.match(line) for line in lines[first:function]) else function
    )
    end = next((i for i in range(function + 1, len(lines)) if not _looks_like_code(lines[i])), len(lines))
    return "\n".join(lines[start:end]).strip("\r\n") + "\n"


def _looks_like_code(line: str) -> bool:
    return bool(_IS_CODE.match(line) or _STARTS_CODE.match(line))
