"""Hostile programs: those that return what is no answer, or lie. By family; see support.Hostile."""

from __future__ import annotations

from tests.sandbox.support import family

LIARS = family(
    "lying objects",
    "invalid",
    {
        "equal to all": """
            class Liar(int):
                def __eq__(self, other): return True
                __hash__ = int.__hash__
            return [[Liar(1)]]
        """,
        "a list by class": "class L:\n    __class__ = list\nreturn L()",
        "a longer list": "class Rows(list):\n    def __len__(self): return 3\nreturn Rows([[1]])",
        "a text": "class S(str):\n    def encode(self, *a): return b'1'\nreturn S('x')",
        "a number": "class F(float):\n    def __repr__(self): return '1'\nreturn F(2)",
        "a dict": "class D(dict):\n    def items(self): return [('a', 1)] * 10**9\nreturn D()",
        "a tuple with names": "from collections import namedtuple\nreturn namedtuple('P', 'x y')(1, 2)",
        "an array": "import numpy as np\nclass A(np.ndarray): pass\nreturn np.zeros(2).view(A)",
        "a masked array": "import numpy as np\nreturn np.ma.array([1])",
        "its own encoding": "class J:\n    __reduce__ = lambda self: (exit, ())\nreturn J()",
        "a name for its class": "class M(type):\n    __name__ = property(exec)\nclass A(metaclass=M): pass\nreturn A()",
    },
)  # fmt: skip

KINDS = family(
    "other kinds",
    "invalid",
    {
        "dict with numbers": "return {1: 2}",
        "set": "return {1, 2}",
        "function": "return transform",
        "a set in a generator": "return ({x} for x in 'ab')",
        "bytes": "return b'bytes'",
        "complex": "return 1j",
        "module": "return sys",
        "Decimal": "import decimal\nreturn decimal.Decimal(1)",
        "objects in an array": "import numpy as np\nreturn np.array([object()])",
        "dates in an array": "import numpy as np\nreturn np.array(['2020-01-01'], 'datetime64[D]')",
        "records in an array": "import numpy as np\nreturn np.zeros(2, [('a', int)])",
        "a matrix": "import numpy as np\nreturn np.matrix([[1]])",
        "a number of its own": "from enum import IntEnum\nreturn [[IntEnum('C', 'RED').RED]]",
        "Counter of numbers": "from collections import Counter\nreturn Counter([1, 1])",
    },
    says=("not plain data",),
)

HUGE = [
    *family(
        "huge",
        "invalid",
        {
            "an int": "return 10 ** 5000",
            "a text": "return 'x' * 70000",
            "a grid": "return [[0] * 1000] * 1000",
            "a list twice in a list, and so on": "x = [1]\nfor _ in range(60): x = [x, x]\nreturn x",
            "a list in itself": "x = []\nx.append(x)\nreturn x",
            "too deep": "x = []\nfor _ in range(70): x = [x]\nreturn x",
            "an array of one byte": "import numpy as np\nreturn np.broadcast_to(np.int8(0), (10**9, 10**9))",
            "an array of empty rows": "import numpy as np\nreturn np.empty((10**9, 0))",
            "texts that grow when written": "return ['\\x01' * 1000] * 60",
            "numbers without end": "import itertools\nreturn itertools.count()",
            "empty rows without end": "import itertools\nreturn itertools.repeat([])",
            "a generator of generators": "def g():\n    while True: yield g()\nreturn g()",
            "a deque in itself": "from collections import deque\nx = deque()\nx.append(x)\nreturn x",
            "an array in itself": "import numpy as np\nx = np.empty(1, object)\nx[0] = x\nreturn x",
            "an array in itself, no axis": "import numpy as np\nx = np.empty((), object)\nx[()] = x\nreturn x",
            "an array of no objects": "import numpy as np\nreturn np.empty((10**9, 0), object)",
            "one long text, often": "import numpy as np\nreturn np.broadcast_to(np.array('x' * 9999), (10**9,))",
            "a list that grows while read": "x = []\nx.append(x.append(0) or 1 for _ in iter(int, 1))\nreturn x",
        },
    ),
    *family(
        "huge",
        ("invalid", "crash"),
        {"an int without its guard": "sys.set_int_max_str_digits(0)\nreturn 10 ** 50000"},
    ),
    *family("huge", "memory", {"a text beyond memory": "return 'x' * 2**40"}),
]

NUMBERS = family(
    "NaN",
    "invalid",
    {
        "NaN": "return float('nan')",
        "infinity": "return [1e308 * 10]",
        "minus infinity in a dict": "return {'a': -1e999}",
        "in an array": "import numpy as np\nreturn np.array([np.nan])",
        "infinity in an array": "import numpy as np\nreturn np.array([[1.0, np.inf]])",
        "as a scalar of numpy": "import numpy as np\nreturn np.float32('nan')",
    },
)

SHAPES = [
    *family("odd shapes", "ok", {"ragged": "return [[1], [1, 2], 3, []]"}, value=[[1], [1, 2], 3, []]),
    *family("odd shapes", "ok", {"no axis": "import numpy as np\nreturn np.array(7)"}, value=7),
    *family("odd shapes", "ok", {"no items": "import numpy as np\nreturn np.zeros((2, 0))"}, value=[[], []]),
    *family("odd shapes", "ok", {"five axes": "import numpy as np\nreturn np.ones((1,) * 5)"}, value=[[[[[1]]]]]),
    *family("odd shapes", "ok", {"nothing": "pass"}, value=None),
    *family(
        "odd shapes",
        "ok",
        {
            "pairs": "return zip([1], [2])",
            "mapped": "return map(list, [(1, 2)])",
            "yielded": "yield [1, 2]",
            "generated": "return (list(row) for row in [(1, 2)])",
            "a deque of tuples": "from collections import deque\nreturn deque([(1, 2)])",
            "objects in an array": "import numpy as np\nreturn np.array([[1, 2]], object)",
            "a product": "import itertools\nreturn itertools.product([1], [2])",
        },
        value=[[1, 2]],
    ),
    *family(
        "odd shapes",
        "ok",
        {
            "counted": "from collections import Counter\nreturn Counter('aab')",
            "with a default": "from collections import defaultdict\nreturn defaultdict(int, a=2, b=1)",
            "in order": "from collections import OrderedDict\nreturn OrderedDict(b=1, a=2)",
        },
        value={"a": 2, "b": 1},
    ),
    *family("odd shapes", "error", {"a generator that raises": "return (1 // x for x in [1, 0])"}),
    *family("odd shapes", "timeout", {"a generator without end": "return (x for x in iter(int, 1) if x)"}),
    *family("odd shapes", "error", {"ragged, as an array": "import numpy as np\nreturn np.array([[1], [1, 2]])"}),
]

ENCODINGS = [
    *family(
        "encodings",
        "invalid",
        {
            "half a character": "return '\\ud800'",
            "half a character as a key": "return {'\\udc00': 1}",
            "half a character deep down": "return [[['ok', 'not\\udfff']]]",
        },
    ),
    *family("encodings", "error", {"half a character in an error": "raise ValueError('\\ud800')"}),
    *family("encodings", "ok", {"a cookie that lies": "# coding: utf-16\ndef transform(g): return 'ä'"}, value="ä"),
    *family("encodings", "ok", {"wide letters": "# NFKC\ndef ｔｒａｎｓｆｏｒｍ(g): return '👩‍🚀'"}, value="👩‍🚀"),
    *family("encodings", "ok", {"zero, and text from right to left": "return '\\0\\u202eabc'"}, value="\0\u202eabc"),
]

# What a program does to the libraries around it, which it may: it harms itself alone.
PATCHES = [
    *family(
        "patches",
        "ok",
        {
            "a builtin": "import builtins\nbuiltins.callable = builtins.sum = None\nreturn 5",
            "numpy": "import numpy as np\nnp.rot90 = lambda *a: 7\nnp.ndarray = np.floor = None\nreturn 5",
            "json": "import json\njson.dumps = json.JSONEncoder.encode = None\nreturn 5",
            "write and exit": "os.write = lambda *a: 0\nos._exit = lambda *a: None\nreturn 5",
            "the clock": "import time\ntime.process_time = lambda: -1e9\nreturn 5",
            "all modules": "sys.modules.clear()\nreturn 5",
            "the library of grids": "import soar.grids\nvars(soar.grids).clear()\nreturn 5",
            "print": "sys.stdout = sys.stderr = None\nreturn 5",
            "the collector": "import gc\ngc.set_threshold(1)\ngc.callbacks.append(lambda *a: 1 / 0)\nreturn 5",
        },
        value=5,
    ),
    *family(
        "patches",
        ("ok", "error", "crash", "invalid"),
        {
            "all builtins": "import builtins\nvars(builtins).clear()\nreturn 5",
            "len": "import builtins\nbuiltins.len = lambda x: 99\nreturn 5",
            "the decoder": "import json\njson.loads = None\nreturn 5",
            "the types": "import builtins\nbuiltins.type = builtins.isinstance = builtins.len = None\nreturn 5",
            "the encoder": "sys.modules['soar.sandbox.encoding']._plain = lambda *a: (5, 1)",
            "a trace that raises": "sys.settrace(lambda *a: 1 / 0)\nreturn 5",
            "an audit that raises": "sys.addaudithook(lambda *a: 1 / 0)\nopen('x')\nreturn 5",
            "no imports": "import builtins\ndel builtins.__import__\nimport json",
        },
        value=5,
    ),
]  # fmt: skip

VALUES = [*LIARS, *KINDS, *HUGE, *NUMBERS, *SHAPES, *ENCODINGS, *PATCHES]
