"""The HTTP service as an ASGI application: /predict, /health, /metadata, and a page that describes them."""

import asyncio
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from brainseg.apply.segmenter import Segmenter
from brainseg.errors import UserError
from brainseg.serve.outlining import ANSWERS, Answer, is_full, outline_files
from brainseg.serve.uploads import FILE, SEQUENCE_FIELDS, UNPACKED, Limits, receive_files

MEASURES = "Brainseg-Measures"  # header of an answer
RETRY_AFTER = 5  # seconds that a client is told to wait if all places are taken
DESCRIPTION = "Outlines the tumour in MRI scans. Nothing is kept. Not for diagnosis."
BINARY = {"type": "string", "format": "binary"}
FORM = {
    "oneOf": [
        {"type": "object", "required": [FILE], "properties": {FILE: BINARY}},
        {"type": "object", "required": ["flair"], "properties": dict.fromkeys(SEQUENCE_FIELDS, BINARY)},
    ]
}
FULL = "disk or memory of this server are full; try again later, or tell its owner"
ERRORS = {
    408: "The request is not complete, and nothing more came.",
    413: "The request is too large.",
    415: "The request is no form.",
    422: "The files are not a scan that can be outlined; the message says why.",
    500: "A fault of the program.",
    503: "All places are taken; try again.",
    507: "Disk or memory of the server are full.",
}


class Places:
    """A number of places, of which each request takes one while it is received, waits or is outlined."""

    def __init__(self, count: int) -> None:
        self.count, self.taken = count, 0

    @contextmanager
    def take(self) -> Iterator[None]:
        """Take a place; HTTPException 503 if there is none."""
        if self.taken >= self.count:
            text = f"all {self.count} places are taken; try again in {RETRY_AFTER} s"
            raise HTTPException(503, text, headers={"Retry-After": str(RETRY_AFTER)})
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


def make_app(segmenter: Segmenter, metadata: dict[str, Any], folder: Path, limits: Limits) -> FastAPI:
    """Make the application.

    Args:
        segmenter: the model; one scan is outlined at a time.
        metadata: what /metadata tells about the model, JSON.
        folder: for temporary files.
        limits: of requests.
    """
    places, turn = Places(limits.requests), asyncio.Lock()
    app = FastAPI(
        title="Brain Segmentation",
        description=DESCRIPTION,
        version=version("brain-segmentation"),
        docs_url=None,  # FastAPI's pages load scripts from the internet
        redoc_url=None,
    )
    page = files("brainseg.serve").joinpath("page.html").read_text(encoding="utf-8")

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    @app.get("/docs", response_class=HTMLResponse, include_in_schema=False)
    async def show_page() -> str:
        return page

    @app.get("/health", summary="Whether the service runs, and how many of its places are taken")
    async def health() -> dict[str, Any]:
        return {"status": "ok", "places": places.count, "taken": places.taken}

    @app.get("/metadata", summary="The model: version, digest, operating point and card")
    async def tell_metadata() -> dict[str, Any]:
        return metadata

    @app.post("/predict", **_described())
    async def predict(request: Request) -> Response:
        began = time.monotonic()
        try:
            with places.take(), TemporaryDirectory(dir=folder) as name:
                answer = await _outline(request, Path(name), segmenter, limits, turn)
            response = _respond(answer)
        except UserError as error:
            response = _error(422, str(error))
        except HTTPException as error:
            response = _error(error.status_code, error.detail, error.headers)
        except ClientDisconnect:
            response = _error(400, "the client has gone")  # for the log; nobody receives it
        except Exception as error:
            if is_full(error):
                response = _error(507, FULL)
            else:
                response = _error(500, f"a fault of the program ({_place_of(error)}); please report it")
            print(f"error: {_place_of(error)}", file=sys.stderr, flush=True)
        print(f"POST /predict {response.status_code} {time.monotonic() - began:.2f} s", flush=True)
        return response

    @app.exception_handler(HTTPException)
    async def refuse(_: Request, error: HTTPException) -> Response:
        """Paths and methods that do not exist."""
        return _error(error.status_code, error.detail, error.headers)

    return app


async def _outline(request: Request, folder: Path, segmenter: Segmenter, limits: Limits, turn: asyncio.Lock) -> Answer:
    paths = await receive_files(request, folder, limits)
    async with turn:
        if await request.is_disconnected():
            raise ClientDisconnect
        return await asyncio.to_thread(outline_files, paths, segmenter, folder, max_unpacked=UNPACKED * limits.upload)


def _respond(answer: Answer) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{answer.name}"',
        MEASURES: answer.measures,
        "Cache-Control": "no-store",
    }
    return Response(answer.content, media_type=answer.media_type, headers=headers)


def _error(status: int, message: str, headers: Any = None) -> Response:
    return JSONResponse({"error": message}, status, headers=headers)


def _place_of(error: BaseException) -> str:
    """Where an exception was raised, without its message, which may quote a scan's header."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {last.name}, {Path(last.filename).name}:{last.lineno}"


def _described() -> dict[str, Any]:
    """What OpenAPI says about /predict."""
    error = {"application/json": {"schema": {"type": "object", "properties": {"error": {"type": "string"}}}}}
    header = {"description": "measures of the outline, and notes: JSON", "schema": {"type": "string"}}
    return {
        "summary": "Outline the tumour in a scan",
        "description": "NIfTI, or a zip archive of DICOM, NIfTI or slices (TIFF, PNG); answered in the same form.",
        "openapi_extra": {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FORM}}}},
        "response_class": Response,
        "responses": {
            200: {
                "description": "The mask: NIfTI, DICOM segmentation, TIFF, or a zip archive of pictures.",
                "headers": {MEASURES: header},
                "content": {media_type: {"schema": BINARY} for _, media_type in ANSWERS.values()},
            },
            **{status: {"description": text, "content": error} for status, text in ERRORS.items()},
        },
    }
