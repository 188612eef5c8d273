#!/usr/bin/env python3
"""Kills bits-server at every system call of an upload, and goes on with another one. It needs strace, and takes some minutes.

Usage: kill_at_every_system_call.py BITS_SERVER [EVERY [SECONDS]]

Each round runs the server under strace, which kills it at one system call that changes a file, while one upload goes on. A consumer
takes the published file away at once. A second server then gets the rest of the upload. Wherever it dies, the file is published once, whole,
and nothing else is left. With EVERY, only each EVERY-th call is tried, and with SECONDS for no longer than that.

strace counts each kind of call of each thread by itself. So a round without a kill lists the calls first. Then each thread has its turn: all
of them from the start on, among whom the first opens the folders; and in a server that listens each alone, among them the one that works on
files.
"""
import collections
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
    """A server, perhaps one that is traced: all of its threads from the start on, or one of them when it listens."""

    def __init__(self, program, root, options, trace=None, thread=None):
        # One thread works on files, so that the calls come in the same order every time.
        always = ["--root", root, "--listen", "127.0.0.1:0", "--log-level", "error", "--threads", "1"]
        command, self.tracer, self.threads = [program, *always, *options], None, 0
        if trace is not None and thread is None:
            command = ["strace", "-f", *trace, *command]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        line = self.process.stdout.readline()
        # One that was killed with its tracer may not have let go of its folders yet.
        for _ in range(50):
            if line or trace is not None:
                break
            time.sleep(0.1)
            self.end()
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
            line = self.process.stdout.readline()
        found = re.search(r"http://([\d.]+):(\d+)", line)
        self.port = int(found.group(2)) if found else None
        if trace is not None and thread is not None:
            threads = sorted(map(int, os.listdir(f"/proc/{self.process.pid}/task")))
            self.threads = len(threads)
            attach = ["strace", *trace, "-p", str(threads[min(thread, len(threads) - 1)])]
            self.tracer = subprocess.Popen(attach, stderr=subprocess.PIPE, text=True)
            line = self.tracer.stderr.readline()
            assert "attached" in line, line

    def end(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        if self.tracer is not None:
            self.tracer.wait()
            self.tracer.stderr.close()


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


def run(program, options, trace, thread):
    """One round. Returns whether the server died before the upload was done, and how many threads it had."""
    root = tempfile.mkdtemp()
    consumer = Consumer(root)
    consumer.start()
    try:
        first = Server(program, root, options, trace, thread)
        session, offset, done = upload(first.port, None, 0)
        acknowledged = session is not None
        died = not done or first.process.poll() is not None
        first.end()
        second = Server(program, root, options)
        for _ in range(3):
            if not done:
                session, offset, done = upload(second.port, session, offset)
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
        # Of a Create without an Ack, an empty session is left for an hour.
        assert len(hidden) <= (0 if acknowledged else 1), f"left: {hidden}"
        return died, first.threads
    finally:
        consumer.ends = True
        shutil.rmtree(root, ignore_errors=True)


def calls(program, options, thread):
    """How often each call is made by a thread, and how many threads there are; of all threads, the most that one makes."""
    with tempfile.NamedTemporaryFile("r") as log:
        trace = ["-qq", "-o", log.name, "-e", f"trace={CHANGES}"] if thread is None else ["-o", log.name, "-e", f"trace={CHANGES}"]
        _, threads = run(program, options, trace, thread)
        counts = collections.Counter()
        for line in log:
            found = re.match(r"(\d+ +)?(\w+)\(", line)
            if found:
                counts[found.group(1), found.group(2)] += 1
    most = collections.Counter()
    for (_, call), count in counts.items():
        most[call] = max(most[call], count)
    return most, threads


def sweep(program, options, thread, every, until):
    """All kills of one thread. Returns how many there were, and how many threads the server had."""
    most, threads = calls(program, options, thread)
    points = [(call, number) for call, count in most.items() for number in range(1, count + 1)]
    kills = 0
    for call, number in points[::every]:
        if time.monotonic() > until:
            break
        inject = ["-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}"]
        try:
            died, _ = run(program, options, inject, thread)
        except AssertionError as error:
            sys.exit(f"{options}, thread {thread}: killed at {call} number {number}: {error}")
        kills += died
    return kills, len(points), threads


def main():
    program, every = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
    until = time.monotonic() + (float(sys.argv[3]) if len(sys.argv) > 3 else 7_200)
    total = 0
    for options in ([], ["--allow-overwrites"]):
        thread, threads = None, 1
        while thread is None or thread < threads:
            kills, points, found = sweep(program, options, thread, every, until)
            threads = max(threads, found)
            name = "all threads from the start on" if thread is None else f"thread {thread}"
            print(f"{options}: {name}: {points} calls, killed at {kills} (every {every})", flush=True)
            thread, total = 0 if thread is None else thread + 1, total + kills
    if total == 0:
        sys.exit("nothing was killed: does strace work here?")


if __name__ == "__main__":
    main()
