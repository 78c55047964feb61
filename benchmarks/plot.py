"""The picture of the table: each verdict beside the peers', and every figure beside its limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from benchmarks.peers import PEERS, load

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.report import Row

_OURS: Final = "clerk-ext"
_COLOURS: Final = {
    _OURS: "#1b6ca8",
    "PyJWT": "#d98324",
    "joserfc": "#4a9d6f",
    "jwcrypto": "#8d6bb3",
    "official": "#b8474f",
}
_MARKERS: Final = {_OURS: "o", "PyJWT": "s", "joserfc": "D", "jwcrypto": "^", "official": "v"}
_INK, _FAINT, _OVER = "#222222", "#d9d9d9", "#c0392b"
_INCHES: Final = (10.5, 12.5)


def draw(rows: Sequence[Row], path: Path) -> None:
    """Write the picture of *rows* to *path*, as PNG."""
    load("matplotlib").use("Agg")
    pyplot = load("matplotlib.pyplot")
    compared = [row for row in rows if row.floor == "bare verify" and row.peers]
    with pyplot.rc_context({"font.size": 10, "text.color": _INK, "axes.labelcolor": _INK}):
        heights = [len(compared) + 1.2, 0.62 * len(rows)]
        figure, (above, below) = pyplot.subplots(2, 1, figsize=_INCHES, height_ratios=heights, layout="constrained")
        _beside_peers(above, compared)
        _beside_limits(below, rows)
        figure.savefig(path, dpi=110, metadata={"Software": None})
        pyplot.close(figure)


def _beside_peers(axes: Any, rows: Sequence[Row]) -> None:
    for place, row in enumerate(rows):
        figures = {_OURS: row.ours, **row.peers}
        for name in (*reversed(PEERS), _OURS):
            if (figure := figures.get(name)) is not None:
                style = {"marker": _MARKERS[name], "color": _COLOURS[name], "markersize": 10 if name == _OURS else 7}
                axes.plot([figure], [place], linestyle="", label=name if place == 0 else None, zorder=3, **style)
        label = "limit" if place == 0 else None
        axes.plot([row.limit], [place], linestyle="", marker="|", markersize=22, color=_INK, label=label, zorder=2)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(_plain_number)
    axes.set_title("The verdict on a token", loc="left", fontweight="bold", x=-0.33)
    axes.set_xlabel("time, in bare signature checks of the same token (less is better)")
    _finish(axes, rows)
    handles, labels = axes.get_legend_handles_labels()
    order = [labels.index(name) for name in (_OURS, *PEERS, "limit") if name in labels]
    axes.legend(
        [handles[place] for place in order],
        [labels[place] for place in order],
        loc="lower right",
        bbox_to_anchor=(1.2, 0.985),
        ncols=6,
        frameon=False,
        handletextpad=0.2,
        columnspacing=1.4,
    )


def _beside_limits(axes: Any, rows: Sequence[Row]) -> None:
    for place, row in enumerate(rows):
        if row.share is not None:
            colour = _COLOURS[_OURS] if row.share <= 1 else _OVER
            axes.barh(place, row.share, height=0.6, color=colour, zorder=2)
            figures = "  of  ".join(row.shown())
            axes.text(1.01, place, figures, va="center", fontsize=9, transform=axes.get_yaxis_transform())
    axes.axvline(1, color=_INK, linewidth=1.2, zorder=3)
    axes.set_xlim(0, max(1.25, *(row.share * 1.03 for row in rows if row.share is not None)))
    axes.set_title("Every figure beside its limit", loc="left", fontweight="bold", x=-0.33)
    axes.set_xlabel("share of the limit (less is better; red is over)")
    _finish(axes, rows)


def _plain_number(value: float, _place: int) -> str:
    return f"{value:,.12g}"


def _finish(axes: Any, rows: Sequence[Row]) -> None:
    axes.set_yticks(range(len(rows)), [row.work for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=_FAINT, linewidth=0.8, zorder=0)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
