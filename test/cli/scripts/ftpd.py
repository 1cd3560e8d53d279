#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
A server of FTP for one test: RFC 959's commands that ftplib sends, RFC 2428's EPSV and EPRT; anybody may
read and write the files of one folder.
    ftpd.py FOLDER              on port 2121
"""
import os, socket, socketserver, sys

FOLDER = sys.argv[1]


class Session(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(f"{text}\r\n".encode())

    def handle(self):
        self.listener = self.peer = None
        self.say("220 ready")
        for line in self.rfile:
            word, _, argument = line.decode().strip().partition(" ")
            getattr(self, word.lower(), self.unknown)(argument)
            if word.upper() == "QUIT":
                break

    def unknown(self, _):
        self.say("502 what?")

    def user(self, _):
        self.say("230 come in")

    def type(self, _):
        self.say("200 it is")

    def pwd(self, _):
        self.say('257 "/"')

    def quit(self, _):
        self.say("221 bye")

    def _listen(self):
        self.listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        return self.listener.getsockname()[1]

    def pasv(self, _):
        port = self._listen()
        address = self.connection.getsockname()[0].split(":")[-1].replace(".", ",")
        self.say(f"227 there ({address},{port >> 8},{port & 255})")

    def epsv(self, _):
        self.say(f"229 there (|||{self._listen()}|)")

    def port(self, argument):
        numbers = argument.split(",")
        self.peer = (".".join(numbers[:4]), int(numbers[4]) << 8 | int(numbers[5]))
        self.say("200 I shall call")

    def eprt(self, argument):
        parts = argument.split("|")
        self.peer = (parts[2], int(parts[3]))
        self.say("200 I shall call")

    def _data(self):
        self.say("150 here it is")
        if self.peer:
            data = socket.create_connection(self.peer)
        else:
            data = self.listener.accept()[0]
            self.listener.close()
        self.listener = self.peer = None
        return data

    def nlst(self, _):
        with self._data() as data:
            data.sendall("".join(f"{name}\r\n" for name in sorted(os.listdir(FOLDER))).encode())
        self.say("226 done")

    def retr(self, name):
        with open(os.path.join(FOLDER, os.path.basename(name)), "rb") as file, self._data() as data:
            data.sendfile(file)
        self.say("226 done")

    def stor(self, name):
        with open(os.path.join(FOLDER, os.path.basename(name)), "wb") as file, self._data() as data:
            while block := data.recv(1 << 16):
                file.write(block)
        self.say("226 done")


class Server(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = daemon_threads = True


Server(("::", 2121), Session).serve_forever()
