import re

from tfrec.evaluation.charts import bar, difference_plot


def placed(html, tag, class_=None):
    """`left` and `width` in per cent of one shape."""
    name = f' class="{class_}"' if class_ else ""
    style = re.search(rf'<{tag}{name} style="([^"]*)"', html)[1]
    return [float(part) for part in re.findall(r"([\d.]+)%", style)]


def test_a_bar_is_as_long_as_its_share_of_the_longest():
    html = bar("EASE", 0.05, (0.04, 0.08), longest=0.2, kind="baselines")
    assert placed(html, "b") == [0, 100 * 0.05 / 0.2]
    assert placed(html, "i", "whisker") == [100 * 0.04 / 0.2, 100 * (0.08 - 0.04) / 0.2]


def test_a_bar_without_interval_or_length_is_empty():
    html = bar("EASE", 0.0, None, longest=0.0, kind="baselines")
    assert placed(html, "b") == [0, 0]
    assert "whisker" not in html


def test_a_difference_stands_beside_zero_in_the_middle():
    html = difference_plot("EASE", {"difference": -0.1, "low": -0.2, "high": 0.1}, reach=0.2, verdict="level")
    assert placed(html, "b") == [25]
    assert placed(html, "i", "whisker") == [0, 75]
    assert "−0.100" in html


def test_a_difference_without_interval_is_a_dot():
    html = difference_plot("EASE", {"difference": 0.1, "low": None, "high": None}, reach=0.1, verdict="ahead")
    assert placed(html, "b") == [100]
    assert "whisker" not in html


def test_no_difference_anywhere_is_drawn_on_the_zero_line():
    assert placed(difference_plot("EASE", {"difference": 0.0}, reach=0.0, verdict="level"), "b") == [50]
