#!/usr/bin/env python3
"""stmtgen.py: turn sql/queries/*.sql into store/stmt.h and store/stmt.c.

A statement opens with a line

    -- :name booking_get :one :read

and runs to the next one.  The words after the name are the shape (:one, :all,
:do), the kind (:read may be repeated, :write may not) and, perhaps, :late: to be
prepared at its first use, because the API never runs it or its tables may not
be there yet.  A comment below is dropped from the text.
"""
import pathlib
import re
import sys

HEAD = re.compile(r"^-- :name ([a-z][a-z0-9_]*) :(one|all|do) :(read|write)"
                  r"( :late)?$")


def statements(folder):
    found = []
    seen = set()
    for path in sorted(pathlib.Path(folder).glob("*.sql")):
        current = None
        for number, line in enumerate(path.read_text().splitlines(), 1):
            head = HEAD.match(line)
            if line.startswith("-- :name") and not head:
                sys.exit(f"{path.name}:{number}: not a statement head: {line}")
            if head:
                name, shape, kind, late = head.groups()
                if name in seen:
                    sys.exit(f"{path.name}:{number}: {name} is there twice")
                seen.add(name)
                current = {"name": name, "shape": shape, "kind": kind,
                           "late": late, "file": path.name, "lines": []}
                found.append(current)
            elif current and line.strip() and not line.lstrip().startswith("--"):
                current["lines"].append(line.rstrip())
    for s in found:
        if not s["lines"]:
            sys.exit(f"{s['file']}: {s['name']} is empty")
        s["text"] = "\n".join(s["lines"]).rstrip().rstrip(";")
        numbers = {int(n) for n in re.findall(r"\$(\d+)", s["text"])}
        s["params"] = max(numbers, default=0)
        if numbers != set(range(1, s["params"] + 1)):
            sys.exit(f"{s['file']}: {s['name']} leaves out a parameter")
    return found


def literal(text):
    lines = text.split("\n")
    return "\n".join('\t    "%s%s"' % (
        line.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t"),
        "\\n" if i + 1 < len(lines) else "") for i, line in enumerate(lines))


def main():
    folder, header, source = sys.argv[1:4]
    found = statements(folder)
    with open(header, "w") as out:
        out.write("/* stmt.h: GENERATED from sql/queries by tools/stmtgen.py."
                  " */\n#ifndef STORE_STMT_H\n#define STORE_STMT_H\n\n"
                  "#include <stdbool.h>\n\nenum stmt {\n")
        for s in found:
            out.write(f"\tSTMT_{s['name'].upper()}, /* {s['file']} */\n")
        out.write("\tSTMT__MAX\n};\n\nstruct stmt_info {\n"
                  "\tconst char *name;\n\tconst char *text;\n\tint params;\n"
                  "\tbool rows; /* :one or :all */\n"
                  "\tbool read; /* may be repeated */\n"
                  "\tbool late; /* prepared at its first use */\n};\n\n"
                  "extern const struct stmt_info stmt_table[STMT__MAX];\n\n"
                  "#endif\n")
    with open(source, "w") as out:
        out.write("/* stmt.c: GENERATED from sql/queries by tools/stmtgen.py."
                  " */\n#include \"store/stmt.h\"\n\n"
                  "const struct stmt_info stmt_table[STMT__MAX] = {\n")
        for s in found:
            rows = "true" if s["shape"] != "do" else "false"
            read = "true" if s["kind"] == "read" else "false"
            late = "true" if s["late"] else "false"
            out.write(f"\t[STMT_{s['name'].upper()}] = {{ \"{s['name']}\",\n"
                      f"{literal(s['text'])},\n"
                      f"\t    {s['params']}, {rows}, {read}, {late} }},\n")
        out.write("};\n")


main()
