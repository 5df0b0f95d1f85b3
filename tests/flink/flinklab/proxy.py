"""A TCP proxy on loopback that can be told to misbehave.

It stands between one process and the name service, so that this process alone is cut off, and in
the way that the test is about:

- `blackhole()`: nothing is passed on and nothing is closed, as when a cable is pulled. New
  connections are accepted by the kernel and never answered.
- `refuse()`:    every connection is reset, new ones are refused, as when a host is restarted.
- `restore()`:   back to passing everything on.
"""

import contextlib
import selectors
import socket
import struct
import threading

from . import ports

CHUNK = 65536


class Proxy:
    """A context manager. `connections` counts those accepted since the start."""

    def __init__(self, target_port):
        self.port = ports.free()
        self.connections = 0
        self._target = ("127.0.0.1", target_port)
        self._lock = threading.RLock()
        self._selector = selectors.DefaultSelector()
        self._listener = None
        self._pairs = {}  # socket → the other end
        self._flowing = True
        self._closed = threading.Event()
        self._listen()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._closed.set()
        self._thread.join()
        self.refuse()
        self._selector.close()

    def blackhole(self):
        with self._lock:
            self._flowing = False

    def refuse(self):
        with self._lock:
            if self._listener:
                self._selector.unregister(self._listener)
                self._listener.close()
                self._listener = None
            for end in list(self._pairs):
                self._drop(end, _reset)

    def restore(self):
        with self._lock:
            self._flowing = True
            if not self._listener:
                self._listen()

    def _listen(self):
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._selector.register(self._listener, selectors.EVENT_READ)

    def _run(self):
        while not self._closed.is_set():
            if not self._flowing:
                self._closed.wait(0.05)
                continue
            ready = self._selector.select(0.05)
            with self._lock:
                for key, _ in ready if self._flowing else ():
                    if key.fileobj is self._listener:
                        self._accept()
                    elif key.fileobj in self._pairs:
                        self._pass_on(key.fileobj)

    def _accept(self):
        end, _ = self._listener.accept()
        self.connections += 1
        try:
            other = socket.create_connection(self._target, timeout=5)
        except OSError:
            _reset(end)
            return
        for one, two in ((end, other), (other, end)):
            one.settimeout(5)
            self._pairs[one] = two
            self._selector.register(one, selectors.EVENT_READ)

    def _pass_on(self, end):
        try:
            data = end.recv(CHUNK)
            if data:
                self._pairs[end].sendall(data)
            else:
                self._drop(end, socket.socket.close)
        except OSError:
            self._drop(end, _reset)

    def _drop(self, end, how):
        """Ends both connections: the other one as this one ended."""
        for one in (end, self._pairs.get(end)):
            if self._pairs.pop(one, None):
                self._selector.unregister(one)
                how(one)


def _reset(end):
    """Closes with RST."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()
