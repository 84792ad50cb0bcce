"""What runs the blocks of one page: one shell and one namespace of Python, in one folder."""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.docs.pages import Block

LONGEST_OUTPUT = 4000


class Session:
    """Runs blocks one after the other, as a reader would type them.

    Args:
        page: The page, for messages.
        folder: Where they run; files of earlier blocks are there.
        elsewhere: What the page says -> what it is here, such as the service's address.
        environment: Variables of the shell beside this process's.
    """

    def __init__(
        self,
        page: str,
        folder: Path,
        elsewhere: Mapping[str, str],
        environment: Mapping[str, str],
    ) -> None:
        self._page, self._folder, self._elsewhere = page, folder, elsewhere
        self._namespace: dict[str, Any] = {"__name__": page}
        self._output = folder.with_suffix(".output")
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._tell("set -euo pipefail")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._shell.kill()
        self._shell.communicate()

    def run(self, block: Block) -> None:
        """Run a block; an AssertionError tells what it printed where it failed."""
        source = block.source
        for said, here in self._elsewhere.items():
            source = source.replace(said, here)
        if block.language == "python":
            self._run_python(source, block.line)
        else:
            self._run_shell(source, block.line)

    def _run_python(self, source: str, line: int) -> None:
        # Lines before it, so that a traceback names the line of the page.
        code = compile("\n" * (line - 1) + source, self._page, "exec")
        sys.path.insert(0, str(self._folder))
        try:
            with chdir(self._folder):
                exec(code, self._namespace)  # noqa: S102  (the page's own code)
        finally:
            sys.path.remove(str(self._folder))

    def _run_shell(self, source: str, line: int) -> None:
        script = self._folder.with_name(f"{self._folder.name}-{line}.sh")
        script.write_text(source, encoding="utf-8")
        # A command that fails ends the shell, and with it the line that is waited for.
        self._tell(f". '{script}' >'{self._output}' 2>&1 </dev/null", "echo went-well")
        assert self._shell.stdout is not None
        well = self._shell.stdout.readline() == "went-well\n"
        printed = self._output.read_text(encoding="utf-8", errors="replace")
        assert well, f"{self._page}:{line} failed:\n{source}\n{printed[-LONGEST_OUTPUT:]}"

    def _tell(self, *lines: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write("".join(f"{line}\n" for line in lines))
        self._shell.stdin.flush()
