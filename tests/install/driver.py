"""driver.py: start an installed program the way its unit says, where systemd is
not the first process: the socket, the environment, credentials, user, umask,
limits, notify socket and watchdog are those of the unit; nothing else is given.
(tests/boot does the same with systemd itself.)"""

import os
import pathlib
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import time

SANITIZERS = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")


class Notified:
    """Where the program tells how it is: messages as {name: value}."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        path.chmod(0o666)

    def message(self, seconds):
        self.socket.settimeout(seconds)
        text = self.socket.recv(4096).decode()
        return dict(line.split("=", 1) for line in text.split("\n"))

    def wait(self, name, seconds):
        """Until it says that; what it said on the way."""
        end, seen = time.monotonic() + seconds, []
        while not seen or name not in seen[-1]:
            left = end - time.monotonic()
            assert left > 0, f"{name} never came; it said {seen}"
            seen.append(self.message(left))
        return seen

    def close(self):
        self.socket.close()


def listen(unit, path):
    """The socket of a socket unit, at another path."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(str(path))
    os.chmod(path, int(unit.one("SocketMode"), 8))
    made.listen(int(unit.one("Backlog")))
    return made


class Service:
    """`environment` and `credentials` ({file: text}) are the operator's files;
    `user` is who it runs as when this is root; `wrapper` words before its own."""

    def __init__(self, image, unit, folder, environment, credentials, user=None,
                 listener=None, wrapper=()):
        self.image, self.unit, self.folder = image, unit, folder
        self.user = pwd.getpwnam(user) if user and os.geteuid() == 0 else None
        self.listener, self.wrapper = listener, list(map(str, wrapper))
        for name in ("credentials", "state"):
            shutil.rmtree(folder / name, ignore_errors=True)
            (folder / name).mkdir()
        self.load(credentials)
        self.told = Notified(folder / f"notify.{time.monotonic_ns()}")
        self.log = folder / "log"
        self.env = self.environment(environment)
        if self.user:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, self.user.pw_uid, self.user.pw_gid)
        self.process = None

    def load(self, credentials):
        """What LoadCredential= and SetCredential= come to."""
        into = self.folder / "credentials"
        for line in self.unit["SetCredential"]:
            name, _, text = line.partition(":")
            (into / name).write_text(text.replace("\\n", "\n"))
        for name, source in self.unit.credentials().items():
            given = credentials.get(os.path.basename(source))
            if given is not None:
                (into / name).write_text(given + "\n")
            assert (into / name).exists(), f"{name} has no file and no fallback"
            (into / name).chmod(0o400)

    def environment(self, lines):
        watchdog = int(self.unit.one("WatchdogSec")) * 1000000
        made = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
                "NOTIFY_SOCKET": str(self.told.path), "WATCHDOG_USEC": str(watchdog),
                "CREDENTIALS_DIRECTORY": str(self.folder / "credentials")}
        for name, value in self.unit.environment().items():
            made[name] = value.replace("%d", str(self.folder / "credentials")).replace(
                "%S", str(self.folder / "state"))
        for name in " ".join(self.unit["StateDirectory"]).split():
            kept = self.folder / "state" / name
            kept.mkdir()
            kept.chmod(int(self.unit.one("StateDirectoryMode"), 8))
        made.update(lines)  # a file's settings win over the unit's
        made.update({n: os.environ[n] for n in SANITIZERS if n in os.environ})
        return made

    def become(self):
        """In the child, before the program."""
        if self.listener is not None:
            os.dup2(self.listener.fileno(), 3)
            os.set_blocking(3, self.unit["NonBlocking"] != ["yes"])
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.umask(int(self.unit.one("UMask"), 8))
        if self.user:
            os.setgroups([])
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)

    def start(self):
        program, *words = self.unit.one("ExecStart").split()
        argv = [str(self.image.path(program)), *words]
        # The pids that the program is to compare with its own.
        own = "WATCHDOG_PID=$$"
        if self.listener is not None:
            own += " LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=booking-api.socket"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, "/bin/sh", "-c", f'{own} exec "$@"', "sh", *argv],
                env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd="/", pass_fds=(3,) if self.listener is not None else (),
                preexec_fn=self.become)
        return self

    def ready(self):
        end = time.monotonic() + int(self.unit.one("TimeoutStartSec"))
        while True:
            try:
                if "READY" in self.told.message(0.2):
                    return self
            except TimeoutError:
                ended = self.process.poll() is not None
                assert not ended and time.monotonic() < end, (
                    f"{self.unit.name} did not start: {self.log.read_text()[-2000:]}")

    @property
    def pid(self):
        """Of the program itself, not of its wrapper."""
        pid = self.process.pid
        if self.wrapper:
            below = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            pid = int(below[0])
        return pid

    def signal(self, number):
        os.kill(self.pid, number)

    def refused(self):
        """It ends by itself: its status and its sentence."""
        status = self.process.wait(60)
        return status, self.log.read_text().strip().splitlines()[-1]

    def stop(self):
        """As systemctl stop: the status, or None when it took too long."""
        self.signal(getattr(signal, (self.unit["KillSignal"] or ["SIGTERM"])[0]))
        try:
            return self.process.wait(int(self.unit.one("TimeoutStopSec")))
        except subprocess.TimeoutExpired:
            return None

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except (OSError, IndexError):
                pass
            self.process.kill()
            self.process.wait()
        self.told.close()
