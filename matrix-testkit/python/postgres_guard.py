"""Runs PostgreSQL, and ends it when the process that started it is gone.

The launcher holds the other end of stdin and never writes: end of file means that it ended, however that
happened, so a killed test run leaves no server behind. PostgreSQL does not run as root: with a user id as
the first argument it runs as that user, who must be able to reach the folder.
"""

import os
import signal
import subprocess
import sys
import threading

user, folder, *command = sys.argv[1:]


def become_the_user():
    if user:
        os.setgroups([])
        os.setgid(int(user))
        os.setuid(int(user))


server = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, preexec_fn=become_the_user)


def end(*_):
    server.send_signal(signal.SIGINT)


def end_with_the_launcher():
    while os.read(0, 4096):
        pass
    end()


signal.signal(signal.SIGTERM, end)
threading.Thread(target=end_with_the_launcher, daemon=True).start()
sys.exit(server.wait())
