"""More requests at a time than there are threads and connections; on either database."""

import asyncio
from collections import Counter

import httpx
import pytest

from tests.api.conftest import Live

AT_ONCE = 150
PATHS = ("/v1/losses?limit=500", "/v1/searches", "/v1/losses/dice", "/readyz", "/metrics")


async def statuses(url: str, paths: list[str]) -> Counter[int]:
    """The statuses of GETs that are all sent at once."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits, trust_env=False) as http:
        answers = await asyncio.gather(*(http.get(path) for path in paths))
    return Counter(answer.status_code for answer in answers)


@pytest.mark.parametrize("path", PATHS)
def test_reads_at_the_same_time_are_all_answered(any_database: Live, path: str) -> None:
    url = str(any_database.http.base_url)
    assert asyncio.run(statuses(url, [path] * AT_ONCE)) == {200: AT_ONCE}
    assert any_database.is_healthy()


def test_reads_of_different_things_are_all_answered(any_database: Live) -> None:
    url = str(any_database.http.base_url)
    paths = [path for path in PATHS for _ in range(AT_ONCE // len(PATHS))]
    assert asyncio.run(statuses(url, paths)) == {200: AT_ONCE}
