"""lossy.py: a road to Postgres on which an answer can be lost: what was asked is
done, committed, and nobody hears of it."""

import contextlib
import pathlib
import socket
import threading

BIND = b"B"  # of the protocol's messages, the one that runs a statement


class Lossy:
    """Listens beside the real socket; `lose(name)` loses the answer to the next
    run of that prepared statement, or the nth, and the connection with it.
    `closed`: there is no way from then on, until open()."""

    def __init__(self, folder, target):
        self.target = str(target)
        self.folder = pathlib.Path(folder)
        self.path = self.folder / pathlib.Path(target).name
        self.name, self.lost, self.skip = None, 0, 0
        self.closes, self.closed = False, False
        self.lock = threading.Lock()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(self.path))
        self.path.chmod(0o777)
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def lose(self, name, closed=False, nth=1):
        with self.lock:
            self.name, self.lost, self.closes = name.encode(), 0, closed
            self.skip = nth - 1

    def open(self):
        with self.lock:
            self.closed = False

    def stop(self):
        self.listener.close()
        self.path.unlink(missing_ok=True)

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                if self.closed:
                    client.close()
                    continue
            server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            server.connect(self.target)
            dropping = threading.Event()
            for run in (self.forward, self.back):
                threading.Thread(target=run, args=(client, server, dropping),
                                 daemon=True).start()

    def is_it(self, data):
        """Bind: type, length, portal, statement, each text ended by a NUL."""
        with self.lock:
            wanted = self.name and data[:1] == BIND and \
                data[5:].split(b"\0", 2)[1] == self.name
            if wanted and self.skip > 0:
                self.skip -= 1
                return False
            if wanted:
                self.name, self.lost, self.closed = None, 1, self.closes
            return wanted

    def forward(self, client, server, dropping):
        while True:
            try:
                data = client.recv(1 << 20)
                if not data:
                    break
                if self.is_it(data):
                    dropping.set()
                server.sendall(data)
            except OSError:
                break
        self.shut(server)

    def back(self, client, server, dropping):
        while True:
            try:
                data = server.recv(1 << 20)
                # The first byte of the answer: the commit comes before it.
                if not data or dropping.is_set():
                    break
                client.sendall(data)
            except OSError:
                break
        self.shut(client)
        self.shut(server)

    @staticmethod
    def shut(end):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        end.close()


def put_between(shop, kind=Lossy):
    """Put such a road between a shop's pool and Postgres."""
    folder = shop.home / "road"
    folder.mkdir(mode=0o755)
    socket_, = (shop.home / "run").glob(".s.PGSQL.*[0-9]")
    road = kind(folder, socket_)
    extra = shop.home / "env.extra"
    extra.write_text(extra.read_text() + "DATABASE_URL=" + shop.env["DATABASE_URL"].replace(
        str(shop.home / "run"), str(folder)) + "\n")
    shop.ctl("api", "restart", shop.dir)
    shop.healthy()
    return road


@contextlib.contextmanager
def on_a_road(shop, kind=Lossy):
    """A shop that is started, and such a road to its Postgres; both end with it."""
    road = None
    try:
        shop.start()
        road = put_between(shop, kind)
        yield road
    finally:
        shop.reset()
        if road:
            road.stop()


__all__ = ["BIND", "Lossy", "on_a_road"]
