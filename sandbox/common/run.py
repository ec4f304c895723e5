"""run: from the options to SIGTERM, for each sandbox the same."""
import signal
import sys
import threading
import traceback


def on_bug(error):
    traceback.print_exception(error, file=sys.stderr)


def every(seconds, act, ended):
    """Lets time do its work even when nobody asks for anything."""
    while not ended.wait(seconds):
        try:
            act()
        except Exception as e:
            on_bug(e)


def until_told(name, server, tick_s, tick):
    """Serves until SIGTERM or SIGINT; calls tick() every tick_s seconds."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Thread(target=every, args=(tick_s, tick, ended), daemon=True).start()
    # In one piece: who waits for it may read it in pieces.
    sys.stdout.write(f"{name}: listening on {server.where()}\n")
    sys.stdout.flush()
    ended.wait()
    server.shutdown()
    server.close()
    return 0
