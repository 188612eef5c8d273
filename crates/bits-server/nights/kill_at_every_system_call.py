#!/usr/bin/env python3
"""Kills bits-server at every system call of an upload, and goes on with another one. For nights: it takes an hour.

Usage: kill_at_every_system_call.py BITS_SERVER [EVERY]

Each round runs the server under strace, which kills it at the N-th system call that changes a file, while one upload goes on. A consumer
takes the published file away at once. A second server then gets the rest of the upload. Whatever N is, the file is published once, whole, and
nothing else is left. With EVERY, only each EVERY-th system call is tried.
"""
import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

CHANGES = (
    "openat,mkdirat,symlinkat,unlinkat,renameat,renameat2,linkat,rename,unlink,mkdir,rmdir,"
    "write,pwrite64,ftruncate,fsync,fdatasync,flock"
)
BODY = os.urandom(300_000)
PROTOCOL = "{7df0354d-249b-430f-820d-3d2a9bef4931}"


class Server:
    """A server, perhaps one that dies at a system call."""

    def __init__(self, program, root, options, dies_at=None):
        # One thread works on files, so that the calls come in the same order every time.
        always = ["--root", root, "--listen", "127.0.0.1:0", "--log-level", "error", "--threads", "1"]
        command = [program, *always, *options]
        if dies_at is not None:
            inject = f"inject={CHANGES}:signal=SIGKILL:when={dies_at}"
            command = ["strace", "-f", "-o", "/dev/null", "-e", f"trace={CHANGES}", "-e", inject, *command]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        line = self.process.stdout.readline()
        found = re.search(r"http://([\d.]+):(\d+)", line)
        self.port = int(found.group(2)) if found else None

    def end(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


def send(port, packet, headers=(), body=b""):
    """Sends a packet; None if the server died."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("BITS_POST", "/a.bin", body, {"BITS-Packet-Type": packet, **dict(headers)})
        answer = connection.getresponse()
        answer.read()
        return answer
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def upload(port, session, offset):
    """Goes on with an upload as far as the server lives. Returns session, offset, and whether it is done."""
    if port is None:
        return session, offset, False
    if session is None:
        answer = send(port, "Create-Session", {"BITS-Supported-Protocols": PROTOCOL})
        if answer is None or answer.status != 200:
            return None, 0, False
        session, offset = {"BITS-Session-Id": answer.headers["BITS-Session-Id"]}, 0
    while offset < len(BODY):
        end = min(offset + 100_000, len(BODY))
        headers = dict(session, **{"Content-Range": f"bytes {offset}-{end - 1}/{len(BODY)}"})
        answer = send(port, "Fragment", headers, BODY[offset:end])
        if answer is None:
            return session, offset, False
        received = answer.headers.get("BITS-Received-Content-Range")
        if received is None:
            raise AssertionError(f"a fragment is answered {answer.status} {answer.headers.get('BITS-Error')}")
        offset = int(received)
    answer = send(port, "Close-Session", session)
    if answer is not None and answer.status != 200:
        raise AssertionError(f"Close is answered {answer.status} {answer.headers.get('BITS-Error')}")
    return session, offset, answer is not None


class Consumer(threading.Thread):
    """Takes every published file away, at once."""

    def __init__(self, root):
        super().__init__(daemon=True)
        self.file, self.taken, self.ends = os.path.join(root, "a.bin"), [], False

    def run(self):
        while not self.ends:
            self.take()
            time.sleep(0.0005)

    def take(self):
        try:
            os.rename(self.file, self.file + ".taken")
        except FileNotFoundError:
            return
        with open(self.file + ".taken", "rb") as file:
            self.taken.append(file.read())
        os.unlink(self.file + ".taken")


def round_at(program, number, options):
    """One kill. Returns whether the server died before the upload was done."""
    root = tempfile.mkdtemp()
    consumer = Consumer(root)
    consumer.start()
    try:
        first = Server(program, root, options, dies_at=number)
        session, offset, done = upload(first.port, None, 0)
        died = not done or first.process.poll() is not None
        first.end()
        second = Server(program, root, options)
        if not done:
            for _ in range(3):
                session, offset, done = upload(second.port, session, offset)
                if done:
                    break
        assert done, "the upload goes on after the kill"
        # The Ack may have been lost: the client repeats its Close.
        again = send(second.port, "Close-Session", session)
        assert again is not None and again.status == 200, "the repeat of a Close"
        time.sleep(0.02)
        second.end()
        consumer.ends = True
        consumer.join()
        consumer.take()
        assert len(consumer.taken) == 1, f"published {len(consumer.taken)} times"
        assert consumer.taken[0] == BODY, "published whole"
        hidden = [name for name in os.listdir(root) if name.startswith(".bits-")]
        assert not hidden, f"left: {hidden}"
        return died
    finally:
        consumer.ends = True
        shutil.rmtree(root, ignore_errors=True)


def main():
    program, every = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
    for options in ([], ["--allow-overwrites"]):
        number, survived = 1, 0
        # The last rounds come to their end before the call that would kill.
        while survived < 3:
            try:
                died = round_at(program, number, options)
            except AssertionError as error:
                sys.exit(f"{options}: killed at call {number}: {error}")
            survived = 0 if died else survived + 1
            number += every
        print(f"{options}: killed at each of {number} calls, every {every}")


if __name__ == "__main__":
    main()
