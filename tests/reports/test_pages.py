"""Pages say what a point is, without a script."""

from __future__ import annotations

import re

from archcast.reports.figures import tip
from archcast.reports.pages import svg


def test_a_tip_becomes_a_title() -> None:
    from matplotlib.figure import Figure

    def make():
        figure = Figure(figsize=(2, 2))
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1])
        tip(axes, 0.5, 0.5, 'a "b" < c & d')
        return figure

    drawn = svg(make, "s")
    (said,) = re.findall(r'<g class="tip"><title>(.*?)</title>', drawn)
    assert said == 'a "b" &lt; c &amp; d'
    assert drawn.count("<g") == drawn.count("</g>")
    assert "tip:" not in drawn
