#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
What `hull init` writes is what `hull build` and `hull run` then make a running program of, without a change: scripts
with their files and their interpreter's library, servers that are reached at their port.
"""
import os, socket, subprocess, sys
sys.path.append(os.path.dirname(sys.path[0]))
from harness import GUARD, HULL, Skip, equal, execute, host, hull_command, main, needs, scratch, test, wait_until
from loopback import HERE

PYTHON = """#!/usr/bin/python3
import json, sys, zlib
print(json.dumps(sys.argv[1:]), zlib.crc32(open(sys.argv[1], "rb").read()))
"""
NODE = 'const own = require("own"); console.log(own, process.argv[2], require("fs").readFileSync("deep/data", "utf8"))\n'
RUBY = 'require "json"; puts JSON.generate(ARGV), File.read(ARGV[0])\n'
FILES = {"app.js": NODE, "app.rb": RUBY, "deep/data": "some data\n", "deep/odd [1]:x": "not guessed",
         "node_modules/own/index.js": "module.exports = 42\n"}


def project(folder):
    for name, text in FILES.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
    # By a process of its own: nobody executes what a child of the other thread's, before its exec, has open for writing.
    execute(["install", "-m", "755", "/dev/stdin", os.path.join(folder, "app.py")], GUARD, input=PYTHON.encode())


def tool(folder, *arguments):
    result = execute([HULL, *arguments], GUARD, cwd=folder)
    assert result.returncode == 0, f"hull {' '.join(arguments)}: {result.stderr.decode()}"
    return result.stdout.decode()


def image_of(folder, *command, change=("", "")):
    """hull init and hull build, with one text of hull.yaml changed between them."""
    tool(folder, "init", *command)
    path = os.path.join(folder, "hull.yaml")
    with open(path) as file:
        text = file.read()
    assert change[0] in text, text
    with open(path, "w") as file:
        file.write(text.replace(*change))
    tool(folder, "build", "-q", "-o", "image")
    return os.path.join(folder, "image")


def runs_as_here(*command):
    with scratch() as folder:
        project(folder)
        result, expected = execute(hull_command([image_of(folder, *command)]), GUARD), host(*command, cwd=folder)
        equal("stdout", result.stdout, expected.stdout)
        equal("stderr", result.stderr, expected.stderr)
        equal("status", result.returncode, expected.returncode)
        assert expected.stdout, expected


@test
def a_script_of_python_with_its_data():
    needs("/usr/bin/python3")
    runs_as_here("/usr/bin/python3", "app.py", "deep/data", "deep/nothing", "--flag")


@test
def a_script_that_is_the_program():
    needs("/usr/bin/python3")
    runs_as_here("./app.py", "deep/data")


@test
def a_script_of_node_with_its_modules():
    needs("node")
    runs_as_here("node", "./app.js", "./deep")


@test
def a_script_of_ruby():
    needs("ruby")
    runs_as_here("ruby", "app.rb", "deep/data")


def answer_of(port, process, question, end):
    """What comes back, up to `end`. The port is the host's side's: the program may not listen yet, and is asked again."""
    answer = b""

    def ask():
        nonlocal answer
        assert process.poll() is None, f"the server has ended: {process.communicate()}"
        answer = b""
        try:
            with socket.create_connection((HERE, port), GUARD) as connection:
                connection.sendall(question)
                while end not in answer and (data := connection.recv(4096)):
                    answer += data
        except (ConnectionError, TimeoutError):
            pass
        return end in answer
    assert wait_until(ask), f"no answer at port {port} after {GUARD} s"
    return answer


def serves(program, guest_port, question, end):
    needs(program)
    with scratch() as folder:
        port = 10000 + guest_port
        host_port = {80: 8080}.get(guest_port, guest_port)
        image = image_of(folder, program, change=(f'["{host_port}:{guest_port}"]', f'["{HERE}:{port}:{guest_port}"]'))
        with open(os.path.join(folder, "said"), "wb") as said:
            process = subprocess.Popen(hull_command([image], ("-q",)), stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            return answer_of(port, process, question, end)
        finally:
            process.kill()
            process.wait()


@test
def redis_is_reached_at_its_port():
    equal("answer", serves("redis-server", 6379, b"SET a 1\r\nGET a\r\n", b"$1\r\n1\r\n"), b"+OK\r\n$1\r\n1\r\n")


@test
def nginx_serves_the_sites_of_the_host():
    needs("nginx")
    if not os.path.exists("/etc/nginx/sites-enabled/default"):
        raise Skip("Debian's default site is not here")
    with open("/var/www/html/index.nginx-debian.html", "rb") as file:
        page = file.read()
    answer = serves("nginx", 80, b"GET /index.nginx-debian.html HTTP/1.0\r\n\r\n", page)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer


if __name__ == "__main__":
    main(2)
