"""Free ports that stay free.

A port that a test gives to a process must still be there when that process is killed and another
takes its place, so it must not be one that the kernel hands out to outgoing connections.
"""

import random
import socket

_taken = set()


def free():
    """A port on 127.0.0.1, below those the kernel picks from, that nobody listens on now."""
    for _ in range(1000):
        port = random.randrange(20000, 32000)
        if port not in _taken and not in_use(port):
            _taken.add(port)
            return port
    raise RuntimeError("no free port between 20000 and 32000")


def in_use(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def listening(port):
    """Whether somebody accepts connections there."""
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0
