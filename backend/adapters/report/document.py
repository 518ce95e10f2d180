"""The frame of a report: one HTML file with its style, which loads nothing and runs no script."""

from __future__ import annotations

import html

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem;color:#222;background:#fff}
h1{font-size:1.4rem}h2{font-size:1.05rem;margin:1.6rem 0 .3rem}
svg{width:100%;height:auto;display:block}.frames{display:flex;flex-wrap:wrap;gap:.8rem}
figure{margin:0;width:240px}figure img{width:240px;display:block;border-radius:4px}
figcaption{font-size:.85rem}.score{color:#fff;border-radius:2px;padding:0 .25em}small,.note{color:#666}
i.key{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.3em}
table{border-collapse:collapse;width:100%}th{text-align:left}td,th{padding:.25rem .6rem .25rem 0;vertical-align:top;
border-bottom:1px solid #ddd;overflow-wrap:anywhere}th,td.word{white-space:nowrap}
tr.redo td,tr.reject td{background:#fff3e6}
tr.outdated td,tr.outdated a{color:#666}
"""


def document(title: str, body: str) -> str:
    """The page's HTML. title: text. body: HTML that follows the heading."""
    name = html.escape(title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title><style>{_STYLE}</style>'
        f"</head><body><h1>{name}</h1>{body}</body></html>\n"
    )
