"""Any picture as one page that opens anywhere, with no network: the exact numbers, read with the mouse or the arrow keys."""

import base64
import json
from html import escape
from typing import Any

import numpy as np

from attnlab.figures.labels import clean
from attnlab.figures.picture import Panel, Picture, Series
from attnlab.figures.style import lut

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def page(picture: Picture, facts: str) -> bytes:
    """The page's bytes. facts: the record as JSON, read back by provenance.read_record."""
    numbers = picture.numbers
    words = numbers.words
    data = {
        "panels": [_panel(panel) for panel in numbers.panels],
        "series": [_series(series) for series in numbers.series],
        "maps": {panel.colours: _base64(lut(panel.colours)) for panel in numbers.panels},
        "axes": [clean(axis) for axis in numbers.axes],
        "words": {"query": words.query, "key": words.key, "series": words.series},
    }
    title = escape(clean(numbers.title) or numbers.kind)
    drawn = not numbers.panels or numbers.kind == "lines"  # what the page itself does not draw
    still = "" if not drawn else f'<img alt="{title}" src="data:image/svg+xml;base64,{_base64(picture.render("svg", facts))}">'
    body = (
        f'<!doctype html>\n<html lang="{words.language}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{STYLE}</style></head>\n'
        f"<body><main><h1>{title}</h1><p>{escape(clean(numbers.caption))}</p><p>{escape(words.hint)}</p>"
        f'<output id="out" aria-live="polite">&#160;</output>{still}<div id="main"></div></main>\n'
        f'<script type="application/json" id="attnlab-record">{_safe(facts)}</script>\n'
        f'<script type="application/json" id="data">{_safe(json.dumps(data, sort_keys=True))}</script>\n'
        f"<script>{SCRIPT}</script></body></html>\n"
    )
    return body.encode("utf-8", "backslashreplace")


def _safe(text: str) -> str:
    """JSON that cannot end the element it stands in."""
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "name": clean(panel.name),
        "queries": [clean(query) for query in panel.queries],
        "keys": [clean(key) for key in panel.keys],
        "values": _base64(np.ascontiguousarray(panel.values, "<f4").tobytes()),
        "low": panel.low,
        "high": panel.high,
        "map": panel.colours,
        "legend": panel.legend,
    }


def _series(series: Series) -> dict[str, Any]:
    """Every number as its shortest digits; nothing where there is none."""
    parts = {"x": series.x, "y": series.y, "low": series.low, "high": series.high}
    written = {name: None if part is None else [str(v) if np.isfinite(v) else "" for v in part] for name, part in parts.items()}
    return {"name": clean(series.name), "texts": series.texts and [clean(text) for text in series.texts]} | written


STYLE = """
:root{color-scheme:light dark}body{font:14px system-ui,sans-serif;margin:16px;background:#fff;color:#1a1a1a}
h1{font-size:18px}output{position:sticky;top:0;display:block;padding:6px;background:#eef2f6;font-variant-numeric:tabular-nums;z-index:1}
#main{display:flex;flex-wrap:wrap;gap:20px}figure{margin:8px 0}figcaption{margin:4px 0}canvas:focus-visible{outline:2px solid #0072b2}
img{max-width:100%;background:#fff}table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:2px 8px;text-align:right}
tr:focus,tr:hover{background:#8884}
@media(prefers-color-scheme:dark){body{background:#14171a;color:#e8eaed}output{background:#263038}}
"""

SCRIPT = """
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const out = document.getElementById("out"), main = document.getElementById("main");
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const make = (name, parent, text) => {
  const e = parent.appendChild(document.createElement(name)); if (text !== undefined) e.textContent = text; return e; };
const short = text => [...text].length > 18 ? [...text].slice(0, 17).join("") + "…" : text;
const digits = v => { if (!Number.isFinite(v)) return "–";
  for (let n = 1; n < 10; n++) { const s = v.toPrecision(n); if (Math.fround(s) === v) return String(Number(s)); } return String(v); };
const draw = p => {
  const figure = make("figure", main), rows = p.queries.length, columns = p.keys.length;
  make("figcaption", figure, [p.name, p.legend].filter(Boolean).join(" · "));
  const canvas = make("canvas", figure), c = canvas.getContext("2d"), values = new Float32Array(bytes(p.values).buffer);
  const ramp = bytes(data.maps[p.map]), n = Math.max(rows, columns), many = data.panels.length > 3;
  const cell = Math.max(n > 512 ? 1 : 2, Math.min(30, Math.floor((many ? 160 : 640) / n))), named = cell >= 9;
  c.font = "12px system-ui,sans-serif";
  const wide = names => named ? Math.max(...names.map(t => c.measureText(short(t)).width)) + 8 : 2;
  const left = Math.ceil(wide(p.queries)), top = Math.ceil(wide(p.keys)), scale = window.devicePixelRatio || 1;
  const width = left + columns * cell + 4, height = top + rows * cell + 4;
  canvas.width = width * scale; canvas.height = height * scale; canvas.style.width = width + "px"; canvas.style.height = height + "px";
  canvas.tabIndex = 0; canvas.setAttribute("role", "img"); canvas.setAttribute("aria-label", p.name || p.legend);
  const image = document.createElement("canvas"); image.width = columns; image.height = rows;
  const pixels = new ImageData(columns, rows);
  values.forEach((v, i) => {
    const at = 3 * Math.max(0, Math.min(255, Math.floor(256 * (v - p.low) / (p.high - p.low)))), ok = Number.isFinite(v);
    for (let k = 0; k < 3; k++) pixels.data[4 * i + k] = ok ? ramp[at + k] : 217;
    pixels.data[4 * i + 3] = 255; });
  image.getContext("2d").putImageData(pixels, 0, 0);
  let row = 0, column = 0;
  const paint = marked => {
    c.setTransform(scale, 0, 0, scale, 0, 0); c.clearRect(0, 0, width, height); c.imageSmoothingEnabled = false;
    c.drawImage(image, left, top, columns * cell, rows * cell);
    c.fillStyle = getComputedStyle(document.body).color; c.font = "12px system-ui,sans-serif"; c.textBaseline = "middle";
    if (named) {
      c.textAlign = "right"; p.queries.forEach((t, i) => c.fillText(short(t), left - 5, top + (i + .5) * cell));
      c.textAlign = "left"; p.keys.forEach((t, i) => {
        c.save(); c.translate(left + (i + .5) * cell, top - 5); c.rotate(-Math.PI / 2); c.fillText(short(t), 0, 0); c.restore(); }); }
    if (marked) { c.strokeStyle = "#d55e00"; c.lineWidth = 2; c.strokeRect(left + column * cell, top + row * cell, cell, cell); } };
  const say = () => { paint(true); out.textContent = (p.name ? p.name + " · " : "") + data.words.query + " " + row + " " + p.queries[row]
    + " → " + data.words.key + " " + column + " " + p.keys[column] + ": " + digits(values[row * columns + column]); };
  canvas.addEventListener("pointermove", e => {
    const x = Math.floor((e.offsetX - left) / cell), y = Math.floor((e.offsetY - top) / cell);
    if (x >= 0 && y >= 0 && x < columns && y < rows) { column = x; row = y; say(); } });
  canvas.addEventListener("keydown", e => {
    const step = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]}[e.key];
    if (!step) return;
    e.preventDefault(); row = Math.max(0, Math.min(rows - 1, row + step[0]));
    column = Math.max(0, Math.min(columns - 1, column + step[1])); say(); });
  canvas.addEventListener("focus", say); canvas.addEventListener("blur", () => paint(false));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => paint(false)); paint(false); };
data.panels.forEach(draw);
for (const s of data.series) {
  const table = make("table", main); make("caption", table, s.name);
  const head = make("tr", table); [...data.axes, "low", "high", ""].forEach(t => make("th", head, t));
  s.x.forEach((x, i) => {
    const row = make("tr", table); row.tabIndex = 0;
    const cells = [x, s.y[i], s.low ? s.low[i] : "", s.high ? s.high[i] : "", s.texts ? s.texts[i] : ""];
    cells.forEach(t => make("td", row, t));
    const say = () => out.textContent = s.name + ": " + cells.filter(Boolean).join(" · ");
    row.addEventListener("focus", say); row.addEventListener("pointerenter", say);
    row.addEventListener("keydown", e => { const next = {ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling}[e.key];
      if (next) { e.preventDefault(); next.focus(); } }); }); }
"""
