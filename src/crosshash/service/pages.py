"""The web page, its style and script, and a plain page of the HTTP interface; all from this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from crosshash.service.refusals import WHEN
from crosshash.service.service import service_of

HERE = Path(__file__).parent
TEMPLATES = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined)

router = APIRouter(include_in_schema=False)


@router.get("/")
async def search_page(request: Request) -> HTMLResponse:
    """Show the search page."""
    service = service_of(request)
    page = TEMPLATES.get_template("index.html").render(searcher=service.searcher, largest=service.largest)
    return HTMLResponse(page)


@router.get("/docs")
async def interface_page(request: Request) -> HTMLResponse:
    """Show what /openapi.json says, readable without a script."""
    page = TEMPLATES.get_template("docs.html")
    return HTMLResponse(page.render(api=request.app.openapi(), type_of=_type_of, refusals=WHEN))


@router.get("/page.css")
async def style() -> Response:
    """Give the style of both pages."""
    return Response((HERE / "page.css").read_bytes(), media_type="text/css")


@router.get("/page.js")
async def script() -> Response:
    """Give the script of the search page."""
    return Response((HERE / "page.js").read_bytes(), media_type="text/javascript")


@router.get("/icon.svg")
async def icon() -> Response:
    """Give the icon of both pages."""
    return Response((HERE / "icon.svg").read_bytes(), media_type="image/svg+xml")


def _type_of(schema: dict[str, Any]) -> str:
    """Write a parameter's type and limits in a few words."""
    if "anyOf" in schema:  # or nothing
        return _type_of(schema["anyOf"][0])
    if schema.get("type") == "array":
        return _type_of(schema["items"])
    if "enum" in schema:
        return " or ".join(schema["enum"])
    limits = {"minimum": "from {}", "maximum": "to {}", "exclusiveMaximum": "below {}"}
    limits["maxLength"] = "of at most {} characters"
    said = [words.format(schema[key]) for key, words in limits.items() if key in schema]
    return " ".join([schema["type"], *said])
