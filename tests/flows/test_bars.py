"""Progress on Prefect's pages, against servers that take it, are slow or are gone."""

import json
import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prefect.context import use_profile
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.bars import Bars

ARTIFACT = "0192d1e2-0000-7000-8000-000000000000"
