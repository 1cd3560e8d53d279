#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Many connections at once, all of one thread by epoll; or the server for them.
    clients.py serve PORT                       says back what it is sent
    clients.py at-once HOST PORT COUNT          all connect at the same time, each is used, each is closed
    clients.py idle HOST PORT COUNT             in hundreds; when all are there, each is used
"""
import errno, selectors, socket, sys

LENGTH = 600


def message(number):
    return (b"client %d " % number * 100)[:LENGTH]


def serve(port):
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=4096)
    listener.setblocking(False)
    selector = selectors.EpollSelector()
    selector.register(listener, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            connection = key.fileobj
            if connection is listener:
                accept_all(listener, selector)
                continue
            data = connection.recv(65536)
            if data:
                connection.sendall(data)        # LENGTH bytes always fit
            else:
                selector.unregister(connection)
                connection.close()


def accept_all(listener, selector):
    while True:
        try:
            connection = listener.accept()[0]
        except BlockingIOError:
            return
        selector.register(connection, selectors.EVENT_READ)


def connect(where, numbers, selector):
    """Begins all, and returns when each is made: the sockets."""
    sockets = {}
    for number in numbers:
        s = socket.socket(socket.AF_INET6 if ":" in where[0] else socket.AF_INET)
        s.setblocking(False)
        error = s.connect_ex(where)
        assert error in (0, errno.EINPROGRESS), errno.errorcode[error]
        selector.register(s, selectors.EVENT_WRITE)
        sockets[s] = number
    waiting = set(sockets)
    while waiting:
        for key, _ in selector.select():
            error = key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            assert error == 0, f"connection {sockets[key.fileobj]}: {errno.errorcode[error]}"
            selector.unregister(key.fileobj)
            waiting.discard(key.fileobj)
    return sockets


def use(sockets, selector):
    """Each sends, and must get the same back."""
    got = {s: b"" for s in sockets}
    for s, number in sockets.items():
        s.sendall(message(number))
        selector.register(s, selectors.EVENT_READ)
    waiting = set(sockets)
    while waiting:
        for key, _ in selector.select():
            s = key.fileobj
            data = s.recv(65536)
            assert data, f"connection {sockets[s]} was closed"
            got[s] += data
            if len(got[s]) == LENGTH:
                assert got[s] == message(sockets[s]), f"connection {sockets[s]} got another's"
                selector.unregister(s)
                waiting.discard(s)


def main():
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    where, count = (sys.argv[2], int(sys.argv[3])), int(sys.argv[4])
    selector, sockets = selectors.EpollSelector(), {}
    step = count if sys.argv[1] == "at-once" else 200
    for first in range(0, count, step):
        sockets.update(connect(where, range(first, min(first + step, count)), selector))
    for _ in range(2):
        use(sockets, selector)
    for s in sockets:
        s.close()
    print(f"{count} were answered")


main()
