"""Each rule of tools/lint must catch the breach that it is for."""
import pathlib
import re
import shutil
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]

GOOD = {
    "Makefile.am": "x = src/base/a.c src/base/a.h \\\n\tsrc/app/b.c src/app/b.h\n"
                   "q = sql/queries/q.sql\n",
    "src/base/a.h": "/* a.h: a. */\n#ifndef A_H\n#define A_H\nint a(void);\n#endif\n",
    "src/base/a.c": '/* a.c: a. */\n#include "base/a.h"\n\n#include <stdio.h>\n\n'
                    'int\na(void)\n{\n\tputs("select" "ed");\n\treturn 0;\n}\n',
    "src/app/b.h": '/*\n * b.h: b.\n */\n#ifndef B_H\n#define B_H\n#include "base/a.h"\n#endif\n',
    "src/app/b.c": '/* b.c: b. */\n#include "app/b.h"\n',
    "sql/queries/q.sql": "-- :name q_one :one :read\nSELECT 1;\n",
}

BREACHES = [
    ("a layer above", "src/base/a.h", "#define A_H", '#define A_H\n#include "app/b.h"',
     "base may not use app"),
    ("its own header second", "src/app/b.c", '#include "app/b.h"',
     '#include <stdio.h>\n#include "app/b.h"', "its own header, b.h, comes first"),
    ("a circle", "src/base/a.h", "#define A_H", '#define A_H\n#include "base/a.h"',
     "a circle: base/a.h > base/a.h"),
    ("a library of another's", "src/app/b.c", '"app/b.h"', '"app/b.h"\n#include <libpq-fe.h>',
     "<libpq-fe.h> belongs to"),
    ("a part's own header", "src/app/b.c", '"app/b.h"', '"app/b.h"\n#include "store/cache_keys.h"',
     "store/cache_keys.h is private to"),
    ("SQL", "src/base/a.c", '"select" "ed"', '"Select "\n\t    "x from y"', "SQL stands in sql/"),
    ("a call", "src/base/a.c", "puts(", "strcpy(0, ", "strcpy() is banned"),
    ("a jump", "src/base/a.c", "return 0;", "goto out;", "goto is banned"),
    ("memory", "src/app/b.c", '"app/b.h"', '"app/b.h"\nvoid *x = malloc(1);', "malloc() is banned"),
    ("a log line", "src/app/b.c", '"app/b.h"', '"app/b.h"\nvoid *x = log_event(1);',
     "log_event() is banned"),
    ("the first line", "src/app/b.c", "/* b.c: b. */", "/* code */", "the first line says"),
    ("an unlisted file", "Makefile.am", "src/app/b.c ", "", "Makefile.am does not list it"),
    ("a listed ghost", "Makefile.am", "src/app/b.c ", "src/app/b.c src/app/c.c ",
     "src/app/c.c is not there"),
    ("a header that leans", "src/base/a.h", "int a(void)", "size_t a(void)",
     "the header does not stand alone"),
    ("a mark", "src/base/a.c", "return 0;", "return 0; /* " + "TO" + "DO */", "marks unfinished work"),
]


def lint(folder):
    done = subprocess.run([TREE / "tools/lint", folder], capture_output=True, text=True)
    return done.returncode, done.stdout


@pytest.fixture
def house(tmp_path):
    for name, text in GOOD.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "tools").mkdir()
    shutil.copy(TREE / "tools/stmtgen.py", tmp_path / "tools")
    return tmp_path


def test_a_clean_house_passes(house):
    status, said = lint(house)
    assert status == 0, said
    assert re.search(r"^\d+ passed, 0 failed$", said, re.M)


@pytest.mark.parametrize("what, name, old, new, sentence", BREACHES, ids=[b[0] for b in BREACHES])
def test_a_breach_is_told(house, what, name, old, new, sentence):
    path = house / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    status, said = lint(house)
    assert status == 1
    assert sentence in said


def test_a_script_that_does_not_parse_is_told(house):
    (house / "tools/bad").write_text("#!/usr/bin/env bash\nif then\n")
    status, said = lint(house)
    assert status == 1 and "tools/bad:2:" in said
