//! Charts as SVG, without scripts and without inline styles: the page's policy allows neither.

use maud::{Markup, html};

use crate::quantiles::Spread;

/// Width and height of line charts, in the units of their view box.
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 260.0;
/// The most points of a line; more are joined to as many.
const POINTS: usize = 900;
/// Room for the labels of a line chart.
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 24.0;

/// Horizontal bars with their labels and values.
pub(crate) fn bars(title: &str, bars: &[(String, f64)]) -> Markup {
    let most = bars.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let height = 24.0 * bars.len() as f64;
    html! {
        svg.chart role="img" aria-label=(title) viewBox={ "0 0 900 " (height) } {
            @for (number, (label, value)) in bars.iter().enumerate() {
                @let y = 24.0 * number as f64;
                @let width = if most > 0.0 { 420.0 * value / most } else { 0.0 };
                text.label x="340" y=(y + 16.0) text-anchor="end" { (label) }
                rect.bar x="350" y=(y + 3.0) width=(round(width.max(1.0))) height="18" rx="2" {
                    title { (label) ": " (number_text(*value)) }
                }
                text x=(round(356.0 + width)) y=(y + 16.0) { (number_text(*value)) }
            }
        }
    }
}

/// Where the quantiles of each group's numbers are: a point for each, and a line from the first to
/// the last, on one linear axis for all.
pub(crate) fn spreads(title: &str, rows: &[Spread]) -> Markup {
    let values = || {
        rows.iter()
            .flat_map(|row| row.points.iter().map(|point| point.value))
    };
    let least = values().fold(0.0, f64::min);
    let most = values().fold(0.0, f64::max);
    let place = |value: f64| round(350.0 + 420.0 * part(value, least, most).unwrap_or(0.0));
    let height = 24.0 * rows.len() as f64;
    html! {
        svg.chart role="img" aria-label=(title) viewBox={ "0 0 900 " (height) } {
            @for (number, row) in rows.iter().enumerate() {
                @let y = 24.0 * number as f64 + 12.0;
                text.label x="340" y=(y + 4.0) text-anchor="end" { (row.group) }
                @if let (Some(first), Some(last)) = (row.points.first(), row.points.last()) {
                    line.line x1=(place(first.value)) y1=(y) x2=(place(last.value)) y2=(y) {}
                    text x=(place(last.value) + 9.0) y=(y + 4.0) { (last.name) " " (number_text(last.value)) }
                }
                @for point in &row.points {
                    circle.bar cx=(place(point.value)) cy=(y) r="4" {
                        title { (row.group) ", " (point.name) ": " (number_text(point.value)) }
                    }
                }
            }
        }
    }
}

/// A value by time.
pub(crate) fn line(title: &str, points: &[(String, f64)]) -> Markup {
    let joined = join(points);
    let most = joined.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let step = (WIDTH - LEFT) / (joined.len().max(2) - 1) as f64;
    let path = (joined.iter().enumerate())
        .map(|(at, (_, value))| place(LEFT + step * at as f64, *value, most))
        .collect::<Vec<_>>()
        .join(" ");
    let first = points.first().map_or("", |(label, _)| label);
    let last = points.last().map_or("", |(label, _)| label);
    plot(title, &path, most, first, last)
}

/// Counts by rank, both axes logarithmic.
pub(crate) fn ranks(title: &str, points: &[(u64, f64)]) -> Markup {
    let most = points.first().map_or(1.0, |(_, count)| count.max(1.0));
    let last = points.last().map_or(1, |(rank, _)| *rank);
    let wide = (last as f64).ln().max(f64::EPSILON);
    let path = (points.iter())
        .map(|&(rank, count)| {
            let x = LEFT + (WIDTH - LEFT) * (rank.max(1) as f64).ln() / wide;
            place(x, count.max(1.0).ln(), most.ln().max(f64::EPSILON))
        })
        .collect::<Vec<_>>()
        .join(" ");
    plot(title, &path, most, "rank 1", &format!("rank {last}"))
}

fn plot(title: &str, path: &str, most: f64, first: &str, last: &str) -> Markup {
    html! {
        svg.chart role="img" aria-label=(title) viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } {
            line.axis x1=(LEFT) y1="6" x2=(LEFT) y2=(HEIGHT - BOTTOM) {}
            line.axis x1=(LEFT) y1=(HEIGHT - BOTTOM) x2=(WIDTH) y2=(HEIGHT - BOTTOM) {}
            text x=(LEFT - 6.0) y="16" text-anchor="end" { (number_text(most)) }
            text x=(LEFT) y=(HEIGHT - 6.0) { (first) }
            text x=(WIDTH) y=(HEIGHT - 6.0) text-anchor="end" { (last) }
            polyline.line points=(path) {}
        }
    }
}

/// A point of a polyline; `most` is at the top.
fn place(x: f64, value: f64, most: f64) -> String {
    let height = HEIGHT - BOTTOM - 10.0;
    let share = if most > 0.0 { value / most } else { 0.0 };
    format!("{},{}", round(x), round(10.0 + height * (1.0 - share)))
}

/// Neighbours added up until there are few enough points.
fn join(points: &[(String, f64)]) -> Vec<(&str, f64)> {
    let size = points.len().div_ceil(POINTS).max(1);
    (points.chunks(size))
        .map(|some| {
            let sum = some.iter().map(|(_, value)| value).sum();
            (some[0].0.as_str(), sum)
        })
        .collect()
}

/// Which part of the way from `least` to `most` a value is; none where that is no way.
pub(crate) fn part(value: f64, least: f64, most: f64) -> Option<f64> {
    // Halves, as the difference of the greatest numbers is not finite.
    let part = (value / 2.0 - least / 2.0) / (most / 2.0 - least / 2.0);
    part.is_finite().then(|| part.clamp(0.0, 1.0))
}

/// To a tenth of a unit.
pub(crate) fn round(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// A number as people read it: with separators between the thousands of a whole one.
pub(crate) fn number_text(value: f64) -> String {
    // From here on a float does not hold every whole number.
    if value.fract() != 0.0 || value.abs() >= 1e15 {
        return value.to_string();
    }
    thousands(&format!("{value:.0}"))
}

/// A whole number's digits with separators between the thousands.
pub(crate) fn thousands(number: &str) -> String {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", number),
    };
    let mut text = sign.to_owned();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantiles::Point;

    #[test]
    fn numbers_have_separators() {
        let texts = [0.0, 12.0, 1234.0, -1234567.0, 1.5].map(number_text);
        assert_eq!(texts, ["0", "12", "1,234", "-1,234,567", "1.5"]);
        let most = thousands(&u64::MAX.to_string());
        assert_eq!(most, "18,446,744,073,709,551,615");
    }

    #[test]
    fn many_points_are_joined_and_nothing_is_lost() {
        let points: Vec<(String, f64)> = (0..10_000).map(|n| (n.to_string(), 1.0)).collect();
        let joined = join(&points);
        assert!(joined.len() <= POINTS);
        assert_eq!(joined.iter().map(|(_, value)| value).sum::<f64>(), 10_000.0);
    }

    #[test]
    fn spreads_have_a_point_for_each_quantile_on_one_axis() {
        let row = |group: &str, values: &[(&str, f64)]| Spread {
            group: group.into(),
            points: (values.iter())
                .map(|&(name, value)| Point {
                    name: name.into(),
                    share: 0.5,
                    value,
                })
                .collect(),
        };
        let rows = [
            row("<a>", &[("q0.5", 0.0), ("q0.99", 50.0)]),
            row("b", &[("q0.5", 25.0), ("q0.99", 100.0)]),
            row("none", &[]),
        ];
        let text = spreads("t", &rows).into_string();
        assert_eq!(text.matches("<circle").count(), 4);
        assert!(text.contains("&lt;a&gt;, q0.99: 50") && !text.contains("<a>"));
        for x in ["x1=\"350\"", "x2=\"560\"", "x1=\"455\"", "x2=\"770\""] {
            assert!(text.contains(x), "{x}: {text}");
        }
        let same = spreads("t", &[row("a", &[("q0.5", 0.0)])]).into_string();
        assert!(!same.contains("NaN"), "{same}");
    }

    #[test]
    fn labels_are_escaped() {
        let text = bars("t", &[("<script>".into(), 1.0)]).into_string();
        assert!(text.contains("&lt;script&gt;") && !text.contains("<script>"));
    }
}
