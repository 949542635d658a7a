"""The browser for the tests of the pages."""

from tests.browser import chromium

__all__ = ["chromium"]
