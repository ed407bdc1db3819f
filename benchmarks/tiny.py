"""The smallest Instance: answers every request with 200, and says by the file $MARK that somebody looked at its health.

A file that is there already is left alone, so its time is that of the first look since it was taken away.
"""

import os
import signal
import socket
import sys

MARK = os.environ["MARK"]
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=16) as server:
    while True:
        connection, _ = server.accept()
        with connection:
            if connection.recv(4096).startswith(b"GET /healthz"):
                try:
                    os.close(os.open(MARK, os.O_CREAT | os.O_EXCL))
                except FileExistsError:
                    pass
            connection.sendall(ANSWER)
