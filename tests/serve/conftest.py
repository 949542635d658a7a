"""A service for the tests of a module."""

from collections.abc import Iterator

import pytest

from tests.serve.running_service import LIMITS, Service, running_service


@pytest.fixture(scope="module")
def module_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("service"), LIMITS) as service:
        yield service


@pytest.fixture
def service(module_service: Service) -> Iterator[Service]:
    """The service; after each test no place is taken and no file is left."""
    module_service.segmenter.calls, module_service.segmenter.fault = 0, None
    yield module_service
    module_service.wait_until_taken(0)
    assert list(module_service.folder.iterdir()) == []
