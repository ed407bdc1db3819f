"""The shop: a service of the standard library's only, which ends when it is asked to and has answered everybody by then."""

import html
import http.server
import os
import pathlib
import signal
import sys
import threading
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
VERSION = (HERE / "VERSION").read_text().strip()
INSTANCE = os.environ.get("SHIPBELL_INSTANCE", "shop")
PAGE = (HERE / "page.html").read_text()

BEHAVIOUR = "good"
"""good; crash: ends at once; sick: never healthy; dies: ends by itself after some seconds (`dies 3`)."""


class Shop(http.server.ThreadingHTTPServer):
    """Counts the requests that it is answering, to end only after them."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, Handler)
        self.busy = 0
        self.changed = threading.Condition()

    def close_after_work(self, within: float) -> None:
        self.server_close()
        with self.changed:
            self.changed.wait_for(lambda: self.busy == 0, within)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def serve(self) -> None:
        assert isinstance(self.server, Shop)
        with self.server.changed:
            self.server.busy += 1
        try:
            self.answer(*self.reply())
        finally:
            with self.server.changed:
                self.server.busy -= 1
                self.server.changed.notify_all()

    do_GET = do_HEAD = do_POST = serve  # noqa: N815 - their names in the standard library

    def reply(self) -> tuple[int, str]:
        path, _, query = self.path.partition("?")
        if self.command == "POST":
            length = int(self.headers.get("Content-Length", 0))
            return 200, f"{VERSION} received {len(self.rfile.read(length))} bytes\n"
        if path == "/":
            return 200, page()
        if path == "/version":
            return 200, VERSION + "\n"
        if path == "/healthz":
            return (500, "sick\n") if BEHAVIOUR == "sick" else (200, "ok\n")
        if path == "/slow":
            seconds = min(float(urllib.parse.parse_qs(query).get("seconds", ["1"])[0]), 60.0)
            time.sleep(seconds)
            return 200, f"{VERSION} took {seconds:g} s\n"
        return 404, "The shop has no such page.\n"

    def answer(self, status: int, text: str) -> None:
        body = text.encode()
        kind = "html" if text.startswith("<!doctype") else "plain"
        self.send_response(status)
        self.send_header("Content-Type", f"text/{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Shop-Version", VERSION)
        self.send_header("X-Shop-Instance", INSTANCE)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
        if len(args) > 1 and self.path not in ("/healthz", "/version"):
            say(f"{self.command} {self.path} -> {args[1]}")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def page() -> str:
    greeting = os.environ.get("GREETING", "Fresh bread and good software, every day.")
    values = {"version": VERSION, "instance": INSTANCE, "greeting": greeting, "hue": str(hue(VERSION))}
    text = PAGE
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", html.escape(value))
    return text


def hue(version: str) -> int:
    """A colour for each version, so that one sees from afar which one answered."""
    return sum(ord(letter) * 37 * (place + 1) for place, letter in enumerate(version)) % 360


def burn_down() -> None:
    say("the shop burnt down")
    os._exit(7)


def main() -> int:
    if BEHAVIOUR == "crash":
        say("the shop cannot open: its till is missing")
        return 3
    if BEHAVIOUR.startswith("dies"):
        burning = threading.Timer(float(BEHAVIOUR.split()[1]), burn_down)
        burning.daemon = True
        burning.start()
    shop = Shop(("127.0.0.1", int(os.environ["PORT"])))
    # serve_forever must be left from another thread than its own.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=shop.shutdown).start())
    say(f"{INSTANCE} {VERSION} listens on {shop.server_port}")
    shop.serve_forever(poll_interval=0.05)
    shop.close_after_work(30.0)
    say(f"{INSTANCE} {VERSION} closes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
