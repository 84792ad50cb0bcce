"""What a start is told to cost."""

import os
import subprocess
import sys

from benchmarks.first_training import Start, processor_times, told


def test_processor_time_is_counted_by_what_a_process_is_with_its_descendants() -> None:
    spin = "import time\nwhile time.process_time() < 0.2: pass"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {spin!r}])"
    child += "; print(flush=True); input()"
    marked = [sys.executable, "-c", child, "search_service.process"]
    with subprocess.Popen(marked, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the child has spun, and ended
        taken = processor_times(process.pid)
        process.communicate(b"\n")
    assert set(taken) == {"controller"}
    assert 0.2 <= taken["controller"] < 10
    assert processor_times(os.getpid())["Ray"] > 0  # whatever has no mark


def test_a_start_is_told_in_a_line() -> None:
    start = Start(1.25, 2.5, {"workers": 3.0, "controller": 1.5})
    assert told(start) == (
        "first training after 1.2 s, recorded after 2.5 s; "
        "processor time 4.5 s (controller 1.5, workers 3.0)"
    )
