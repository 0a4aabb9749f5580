"""`mini`'s tokenizer: a Hugging Face fast tokenizer with one token per cell, per name of `soar.grids` and per idiom.

Any text survives encoding and decoding: what is no token of its own is spelled in bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from soar.prompts.notation import CELLS, INPUT, MAX_SIDE, OUTPUT, PARENT, RIGHT, RIGHT_CELL, TEST, WRONG

PAD, BOS, EOS = "<|pad|>", "<|bos|>", "<|eos|>"

LAYOUT = ("\n", "    return ", "    x = ", "    y = ", "    z = ", "    x, y = ", "    if ", "    for ", "        ")
NUMPY = (
    "np.array(", "np.where(", "np.full(", "np.arange(", "np.sort(", "np.zeros_like(", "np.kron(", "np.repeat(", "np.",
    ".any(", ".all(", ".sum(", ".max()", ".min()", ".shape", ".size", ".T", ".copy()", "axis=", "multi=", "diag=",
    "[::-1]", "[:, ::-1]", "[::2]", "[:, ::2]", "[0]", "[-1]", "[:, ", "[:",
)  # fmt: skip
SYNTAX = (
    "grid", "(grid", "(grid)", "(grid, ", "(x", "(x)", "(x, ", "(y", "(y)", "(y, ", "(*", "x, y", "))", ")))", "), ",
    ")),", "])", ")[", ", ", " == ", " != ", " > ", " < ", " >= ", " <= ", " + ", " - ", " * ", " // ", " % ", " & ",
    " | ", " ^ ", " if ", " else ", " for ", " in ", " and ", " or ", " not ", "True", "False", "None", "key=",
    "len", "lambda", "max(", "min(", "sum(", "((", "()", "([",
)  # fmt: skip


def build_tokenizer(header: str, names: Sequence[str]) -> PreTrainedTokenizerFast:
    """Return the tokenizer for programs that begin with `header` (one token) and use `names` (one token each)."""
    sizes = [f"{arrow}{side}" for arrow in "↓→" for side in range(1, MAX_SIDE + 1)]
    words = [
        *CELLS,
        RIGHT_CELL,
        INPUT,
        OUTPUT,
        TEST,
        PARENT,
        RIGHT,
        WRONG,
        *sizes,
        header,
        *LAYOUT,
        *NUMPY,
        *SYNTAX,
        *names,
    ]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={char: i for i, char in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([PAD, BOS, EOS])
    # A word of one ASCII character already is a token: its byte.
    wanted = [word for word in dict.fromkeys(words) if word not in alphabet]
    tokenizer.add_tokens([AddedToken(word, normalized=False, special=False) for word in wanted])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        clean_up_tokenization_spaces=False,
    )
