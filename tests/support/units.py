"""units.py: what `make install` puts in a folder, and what its units say.

A unit is read with its drop-ins, as systemd reads it: a setting that may be given
several times is a list, an empty one empties it.  Only what our units use."""

import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
TOPICS = ("events", "payments", "documents", "bookings")


class Unit:
    """One unit of an image: unit["ExecStart"] is a list of its lines."""

    def __init__(self, folder, name):
        self.name = name
        template = re.sub(r"@[^.]*", "@", name)
        self.instance = re.match(r"[^@]*@?([^.]*)", name)[1] if "@" in name else ""
        self.settings = {}
        self.files = [folder / template] + sorted((folder / f"{name}.d").glob("*.conf"))
        for path in self.files:
            self.read(path.read_text())

    def read(self, text):
        for line in text.splitlines():
            if not re.match(r"\w+=", line):
                assert re.match(r"$|#|\[\w+\]$", line), line
                continue
            name, _, value = line.partition("=")
            lines = self.settings.setdefault(name, [])
            if value == "":
                lines.clear()
            else:
                lines.append(value.replace("%i", self.instance))

    def __getitem__(self, name):
        return self.settings.get(name, [])

    def one(self, name):
        (value,) = self[name]
        return value

    def words(self, name):
        return [word for line in self[name] for word in line.split()]

    def environment(self):
        return dict(line.split("=", 1) for line in self["Environment"])

    def credentials(self):
        """{name: the path it is read from}."""
        return dict(line.split(":", 1) for line in self["LoadCredential"])

    def calls(self):
        """The system calls that its filter lets through."""
        allowed = set(members("@default"))
        for line in self["SystemCallFilter"]:
            named = [c for word in line.lstrip("~").split() for c in members(word)]
            allowed = allowed - set(named) if line[0] == "~" else allowed | set(named)
        return allowed


def members(word, known={}):
    """The system calls of a set such as @system-service."""
    if word[0] != "@":
        return [word]
    if word not in known:
        lines = subprocess.run(
            ["systemd-analyze", "syscall-filter", word], check=True, text=True,
            capture_output=True).stdout.splitlines()
        names = [l.strip() for l in lines[1:] if l.strip() and "#" not in l]
        known[word] = [call for name in names for call in members(name)]
    return known[word]


class Image:
    """A folder in which the product is installed."""

    def __init__(self, root):
        self.root = root
        (socket,) = root.glob("**/booking-api.socket")
        self.units = socket.parent
        self.api = self.unit("booking-api.service")
        self.conf = self.api.one("EnvironmentFile").removesuffix("/environment")
        sbin = pathlib.Path(self.api.one("ExecStart")).parent
        self.programs = {path.name: path for path in
                         (sbin, sbin.parent / "bin") if self.path(path).is_dir()}
        self.programs = {p.name: "/" + str(p.relative_to(root))
                         for folder in self.programs.values()
                         for p in self.path(folder).iterdir()}

    @classmethod
    def install(cls, root):
        done = subprocess.run(
            ["make", "-C", BUILD, "-s", "install", f"DESTDIR={root}"],
            capture_output=True, text=True,
            env={k: v for k, v in os.environ.items()
                 if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "DESTDIR")})
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return cls(root)

    def path(self, name):
        return self.root / str(name).lstrip("/")

    def program(self, name):
        """Its path in the image, as its units name it."""
        return self.programs[name]

    def unit(self, name):
        return Unit(self.units, name)

    def relay(self, topic):
        return self.unit(f"booking-relay@{topic}.service")

    def services(self):
        """Every service that can be started: the relays topic by topic."""
        plain = [p.name for p in self.units.glob("*.service") if "@" not in p.name]
        return sorted(plain) + [f"booking-relay@{t}.service" for t in TOPICS]
