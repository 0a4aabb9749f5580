"""What a model wrote becomes the source of a program. Replies are read as text and parsed by `ast`, never run here."""

from __future__ import annotations

import html
import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from textwrap import dedent

from soar.programs.parsing.code import ENTRY_POINT, MAX_CODE, Block, Reader
from soar.programs.parsing.definitions import program_of

__all__ = ["ENTRY_POINT", "ParseFailure", "parse_reply", "tidied", "write_reply"]

_DEFINES = re.compile(rf"^(async\s+)?def\s+{ENTRY_POINT}\s*\(", re.MULTILINE)
_THINKING = re.compile(r"<(think|thinking|thought|reasoning)>.*?(</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_THOUGHT_ENDS = re.compile(r"</(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_NEWLINE = re.compile(r"\r+\n?")
_TURN_ENDS = re.compile(
    r"<\|(?:im_end|im_start|eot_id|eom_id|end|end_of_text|endoftext|end_of_turn|return|eos|EOT)\|>"
    r"|<(?:end_of_turn|eos)>|</s>|<｜end▁of▁sentence｜>"
)
_QUOTE = re.compile(r"^[ \t]*>[ \t]?", re.MULTILINE)
_HTML = re.compile(r"<(pre|code)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][\w-]*(?: [^<>\n]*)?>|\[/?[A-Z]+\]|<!\[CDATA\[|\]\]>")
_INDENTED = re.compile(r"(?:^(?: {2,}|\t)[^\n]*\n(?:[ \t]*\n)*)+", re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]{0,99}\b(?:def|lambda)\b[^`\n]{0,999})`")
_MAGIC = re.compile(r"^[ \t]*(?:%{1,2}[a-zA-Z]|![a-zA-Z]|\?[a-zA-Z])[^\n]*$", re.MULTILINE)
_SESSION = re.compile(r"^[ \t]*(?:>>>|In \[\d*\]:) ", re.MULTILINE)
_PROMPT = re.compile(r"^[ \t]*(?:>>>|\.\.\.:?|In \[\d*\]:)(?: |$)", re.MULTILINE)
_TWINS = str.maketrans({"\u00a0": " ", "\u2007": " ", "\u202f": " ", "\ufeff": "", "\u200b": "", "\u2060": ""})
_FENCE = re.compile(r"^[ \t]*(```+|~~~+)[^\n`]*$", re.MULTILINE)
_STARTS_CODE = re.compile(
    r"^(import\s+\w|from\s+[\w.]+\s+import\b|def\s+\w+\s*\(|class\s+\w+|@\w|[A-Za-z_]\w*\s*=[^=])"
)
_IS_CODE = re.compile(
    r"^(\s|$|[#@)\]}]|(if|for|while|with|try|except|else|elif|finally|async)\b|[A-Za-z_][\w.]*\s*[\[(=+])"
)
MOST_FENCES = 8  # that are tried for the end of a block


@dataclass(frozen=True, slots=True)
class ParseFailure:
    """A reply that holds no program, and why."""

    reason: str


def parse_reply(reply: str, prefill: str = "", raw: bool = False) -> str | ParseFailure:
    """Return the source of the program in `reply`, which continues `prefill`.

    Text around the function does not decide whether it counts: thinking tags, prose, fences, quotes, HTML and chat
    tokens are taken off; of several blocks the last that defines the entry point counts, with what it lacks out of the
    others; `definitions.program_of` says what is left out and added. Source with syntax errors is still a program, and
    one of more than `MAX_CODE` characters stays as it is. With `raw`, everything is the program.
    """
    if not reply.strip():
        return ParseFailure("empty reply")
    if raw:
        return prefill + reply
    text, reader = _clean(prefill + reply), Reader()
    for blocks in _readings(text, reader):
        source = _program(blocks, reader)
        if source is not None and _clean(source) == source:
            return source
    unread = _unread(text, _fenced_blocks(text, reader))
    return unread if isinstance(unread, ParseFailure) else tidied(unread)


def tidied(source: str) -> str:
    """Return the program that is read from a reply which holds just this one: itself, unless parts of it cannot run."""
    return _program([source], Reader()) or source


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


def _clean(text: str) -> str:
    """The text without thoughts, ends of turns and line ends of other systems."""
    text = _THINKING.sub("", text)
    text = _THOUGHT_ENDS.split(text)[-1]  # chat templates may put the opening tag into the prompt
    return _NEWLINE.sub("\n", _TURN_ENDS.sub("", text))


def _readings(text: str, reader: Reader) -> Iterator[list[str]]:
    """Blocks of code, as the text may mean them: the usual way first."""
    blocks = _fenced_blocks(text, reader)
    yield blocks
    yield ["\n".join(line for line in text.split("\n") if not _FENCE.match(line))]
    yield list(_in_html(text))
    if _QUOTE.search(text):
        plain = _QUOTE.sub("", text)
        yield _fenced_blocks(plain, reader)
        yield [plain]
    yield [block for one in [text, *blocks] for block in _in_json(one)]
    yield [found.group() for found in _INDENTED.finditer(f"{text}\n")]
    yield [found.group(1) for found in _INLINE.finditer(text)]
    if _TAG.search(text):
        yield [_TAG.sub("\n", text)]


def _in_html(text: str) -> Iterator[str]:
    """Code that `<pre>` or `<code>` encloses."""
    place = 0
    while opening := _HTML.search(text, place):
        end = text.find(f"</{opening.group(1)}>", opening.end())
        place = len(text) if end < 0 else end
        yield _TAG.sub("", html.unescape(text[opening.end() : place]))


def _in_json(text: str) -> list[str]:
    """Texts in a JSON object."""
    text = text.strip()
    if not text.startswith("{") or not text.endswith("}"):
        return []
    try:
        values = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return []
    found = [value for value in values.values() if isinstance(value, str)]
    return [block for value in found for block in (_fenced_blocks(value, Reader(0)) or [value])]


def _program(texts: Sequence[str], reader: Reader) -> str | None:
    """The program that texts of code make together; read again until that changes nothing."""
    blocks = [block for text in texts if (block := _readable(text, reader)) is not None]
    source = program_of(blocks, any_name=not any(map(_DEFINES.search, texts)))
    for _ in range(3):
        if source is None or any(source == f"{block.text}\n" for block in blocks):
            break
        blocks = [block for block in [_readable(source, reader)] if block is not None]
        source = program_of(blocks) or source
    return source


def _readable(text: str, reader: Reader) -> Block | None:
    """A text of code as a block: as it stands, else without what is no Python in it."""
    text = text.strip("\n")
    if len(text) > MAX_CODE:
        return None
    if (block := reader.block(text)) is not None:
        return block
    plain = text.translate(_TWINS)
    if _SESSION.search(plain):
        plain = "\n".join(_PROMPT.sub("", line) for line in plain.split("\n") if _PROMPT.match(line))
    plain = dedent(_MAGIC.sub("", plain)).strip("\n")
    for changed in dict.fromkeys((plain, plain.partition("```")[0].rstrip(), plain.expandtabs(8), plain.expandtabs(4))):
        if changed.strip() and changed != text and (block := reader.block(changed)) is not None:
            return block
    return _salvaged(plain, reader) if "def " in plain or "lambda" in plain else None


def _salvaged(text: str, reader: Reader) -> Block | None:
    """The statements of a text that are Python, without the prose and the broken code between them."""
    lines = text.split("\n")
    begins = [i for i, line in enumerate(lines) if line[:1] not in ("", " ", "\t", ")", "]", "}")]
    found, place = list[str](), 0
    while place < len(begins) and reader.work > len(text) // 8:
        if not _looks_like_code(lines[begins[place]]):
            place += 1
            continue
        after = _after_code(lines, begins, place, reader)
        if after > place:
            found += [*lines[begins[place] : begins[after] if after < len(begins) else len(lines)], ""]
        place = max(after, place + 1)
    return reader.block("\n".join(found)) if found else None


def _after_code(lines: Sequence[str], begins: Sequence[int], place: int, reader: Reader) -> int:
    """Which of the lines in `begins` is the first after the Python at `place`; `place` itself where that is none."""
    start = begins[place]
    if reader.block("\n".join(lines[start:])) is not None:
        return len(begins)
    before_fault = bisect_right(begins, start + reader.error[1] - 1) - 1
    for after in [i for i in range(before_fault, before_fault - 3, -1) if i > place] or [place + 1]:
        end = begins[after] if after < len(begins) else len(lines)
        if reader.block("\n".join(lines[start:end])) is not None:
            return after
    return place


def _unread(text: str, blocks: Sequence[str]) -> str | ParseFailure:
    """The program of a text that cannot be read as Python: source with syntax errors is still a program."""
    for block in reversed(blocks):
        if _DEFINES.search(block):
            return block.strip("\n") + "\n"
    if _DEFINES.search(text):
        return _unfenced(text)
    return ParseFailure(f"no function {ENTRY_POINT!r} in the code" if blocks else "no code in the reply")


def _fenced_blocks(text: str, reader: Reader) -> list[str]:
    """The contents of all fenced blocks, in order.

    One that is never closed ends where a fence with a language begins another (a reply that does not go on with its
    prefill does so), or with the text. A fence within a docstring closes nothing.
    """
    fences = list(_FENCE.finditer(text))
    blocks, place = list[str](), 0
    while place < len(fences):
        opening = fences[place]
        mark, begin = opening.group(1), opening.end() + 1
        ends = (i for i in range(place + 1, len(fences)) if fences[i].group(1).startswith(mark))
        end = _closing(text, begin, fences, list(islice(ends, MOST_FENCES)), reader)
        stop = len(text) if end is None else fences[end].start()
        blocks.append(_dedent(text[begin:stop], opening.group(0)))
        place = len(fences) if end is None else end + _closes(fences[end], mark)
    return blocks


def _closing(text: str, begin: int, fences: Sequence[re.Match[str]], ends: Sequence[int], reader: Reader) -> int | None:
    """Which of the fences at `ends` closes a block: the first that leaves no docstring open, if any does so."""
    if not ends:
        return None
    if reader.unfinished(text[begin : fences[ends[0]].start()]):
        for end in ends[1:]:
            if reader.block(text[begin : fences[end].start()]) is not None:
                return end
    return ends[0]


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
