"""Runs Synapse, and ends it when the process that started it is gone.

The launcher holds the other end of stdin and never writes: end of file means that it ended, however that
happened, so a killed test run leaves no homeserver behind.
"""

import os
import runpy
import signal
import threading


def end_with_the_launcher():
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


threading.Thread(target=end_with_the_launcher, daemon=True).start()
runpy.run_module("synapse.app.homeserver", run_name="__main__", alter_sys=True)
