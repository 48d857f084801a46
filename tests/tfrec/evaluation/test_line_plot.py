"""Lines stand where their values say."""

import re

import pytest

from tfrec.evaluation.line_plot import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, line_plot


def corners(html: str) -> list[list[tuple[float, float]]]:
    lines = re.findall(r'points="([^"]*)"', html)
    return [[tuple(map(float, pair.split(","))) for pair in line.split()] for line in lines]


def test_the_largest_value_is_at_the_top_and_the_smallest_at_the_bottom():
    html = line_plot([0, 1, 4], {"a": [0, 50, 100], "b": [-100, 0, 0]}, axis="x")
    left, right, top, bottom = LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM
    middle = (top + bottom) / 2
    assert corners(html) == [
        [(left, middle), (left + (right - left) / 4, pytest.approx((top + middle) / 2)), (right, top)],
        [(left, bottom), (left + (right - left) / 4, middle), (right, middle)],
    ]


def test_a_mark_stands_at_its_place_with_its_name():
    html = line_plot([0, 1], {"a": [0, 1]}, marks={"default": 0.5}, axis="x")
    middle = (LEFT + WIDTH - RIGHT) / 2
    assert f'x1="{middle:.1f}"' in html
    assert "default 0.5" in html


def test_the_names_of_two_marks_look_away_from_each_other():
    html = line_plot([0, 1], {"a": [0, 1]}, marks={"late": 0.6, "early": 0.5}, axis="x")
    anchors = dict(re.findall(r'text-anchor="(\w+)">(\w+) 0', html)[::-1])
    assert anchors == {"end": "early", "start": "late"}


def test_names_are_text():
    assert "<script" not in line_plot([0, 1], {"<script>": [0, 1]}, marks={"<script>": 1.0}, axis="<script>")


def test_nothing_but_zeros_is_a_line_at_the_bottom():
    assert {y for _, y in corners(line_plot([0, 1], {"a": [0.0, 0.0]}, axis="x"))[0]} == {HEIGHT - BOTTOM}
