#!/usr/bin/env python3
"""A leader that watches itself, from Python with nothing but ctypes.

    leader.py LIBRARY ENDPOINT NAMESPACE
"""

import ctypes
import sys
from ctypes import Structure, byref, c_char, c_char_p, c_int32, c_size_t, c_uint32
from ctypes import c_uint64, c_void_p, sizeof

OK, TIMEOUT, FOREVER = 0, 20, 0xFFFFFFFF
GRANT, REVOKE, FAILED, LEADER, NO_LEADER = range(1, 6)


class Error(Structure):
    _fields_ = [("size", c_size_t), ("status", c_int32), ("reserved", c_int32),
                ("version", c_uint64), ("text_length", c_size_t), ("text", c_char * 984)]


class Bytes(Structure):
    _fields_ = [("data", c_void_p), ("length", c_size_t), ("owner", c_uint64)]


class Option(Structure):
    _fields_ = [("name", c_char_p), ("name_length", c_size_t),
                ("value", c_char_p), ("value_length", c_size_t)]


class LeaderSessionId(Structure):
    _fields_ = [("epoch", c_uint64), ("low", c_uint64)]


class Event(Structure):
    _fields_ = [("size", c_size_t), ("kind", c_int32), ("status", c_int32), ("handle", c_uint64),
                ("user_data", c_void_p), ("id", LeaderSessionId), ("text", Bytes)]


class Failure(Exception):
    pass


class Library:
    """The functions, with failures raised."""

    def __init__(self, path):
        self.functions = ctypes.CDLL(path)
        if self.functions.ls_abi_version() != 1:
            raise Failure("another version of the library")
        self.functions.ls_has_leadership.argtypes = [c_uint64, LeaderSessionId]
        self.functions.ls_has_leadership.restype = ctypes.c_bool

    def call(self, name, *arguments):
        error = Error(size=sizeof(Error))
        status = getattr(self.functions, name)(*arguments, byref(error))
        if status != OK:
            raise Failure(f"{name}: {error.text[:error.text_length].decode()}")


def text(value):
    data = value.encode()
    return c_char_p(data), c_size_t(len(data))


def options(**values):
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in values.items()]
    return (Option * len(pairs))(*[Option(n, len(n), v, len(v)) for n, v in pairs])


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    library = Library(sys.argv[1])
    chosen = options(endpoint=sys.argv[2], namespace=sys.argv[3])
    client, contender, watch = c_uint64(), c_uint64(), c_uint64()
    library.call("ls_client_open", chosen, c_size_t(len(chosen)), None, byref(client))
    library.call("ls_contender_open", client, *text("printer"), None, None, byref(contender))
    library.call("ls_watch_open", client, *text("printer"), None, None, byref(watch))
    event = Event(size=sizeof(Event))
    address = None
    while address != "here":
        library.call("ls_next_event", client, c_uint32(FOREVER), byref(event))
        if event.kind == GRANT:
            print("leading, epoch", event.id.epoch, flush=True)
            assert library.functions.ls_has_leadership(contender, event.id)
            library.call("ls_contender_confirm", contender, event.id, *text("here"))
        elif event.kind == LEADER:
            address = ctypes.string_at(event.text.data, event.text.length).decode()
            print("leader", address, flush=True)
    library.functions.ls_bytes_free(byref(event.text))
    library.call("ls_client_close", client, c_uint32(1000))
    print("done")


if __name__ == "__main__":
    main()
