//! Histograms of bins that are not equally wide, as SVG: the area of a bar is its bin's share.

use maud::{Markup, html};

use crate::chart::{number_text, part, round};
use crate::quantiles::{Bin, Spread};

/// The picture, in the units of its view box: its size, and where the bars stand.
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 30.0;
const RIGHT: f64 = 870.0;
const TOP: f64 = 24.0;
const BASE: f64 = 190.0;
/// Room for a number on the axis and for a share above a bar.
const NUMBER: f64 = 75.0;
const SHARE: f64 = 50.0;
/// From this ratio of the greatest number to the least on, the axis is logarithmic.
const WIDE: f64 = 50.0;

/// The axis of the numbers.
struct Axis {
    first: f64,
    last: f64,
    logarithmic: bool,
}

impl Axis {
    fn of(spread: &Spread) -> Self {
        let first = spread.points.first().map_or(0.0, |point| point.value);
        let last = spread.points.last().map_or(0.0, |point| point.value);
        Self {
            first,
            last,
            logarithmic: first > 0.0 && last / first >= WIDE,
        }
    }

    fn place(&self, value: f64) -> f64 {
        let part = match self.logarithmic {
            true => part(value.ln(), self.first.ln(), self.last.ln()),
            false => part(value, self.first, self.last),
        };
        // One number has no width.
        LEFT + (RIGHT - LEFT) * part.unwrap_or(0.5)
    }
}

/// The histogram of a group's numbers as far as quantiles tell it, with what it leaves out in
/// words.
pub(crate) fn histogram(title: &str, spread: &Spread) -> Markup {
    let axis = Axis::of(spread);
    let bins = spread.bins();
    let density = |bin: &Bin| {
        let wide = axis.place(bin.to) - axis.place(bin.from);
        if wide > 0.0 { bin.share / wide } else { 0.0 }
    };
    let most = bins.iter().map(density).fold(f64::MIN_POSITIVE, f64::max);
    html! {
        svg.chart role="img" aria-label=(title) viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } {
            @for bin in bins.iter().filter(|bin| bin.share > 0.0) {
                (bar(bin, &axis, (BASE - TOP) * density(bin) / most))
            }
            line.axis x1=(LEFT) y1=(BASE) x2=(RIGHT) y2=(BASE) {}
            (numbers(spread, &axis))
        }
        p.dim { (left_out(spread)) @if axis.logarithmic { "The axis is logarithmic." } }
    }
}

fn bar(bin: &Bin, axis: &Axis, height: f64) -> Markup {
    let (from, to) = (axis.place(bin.from), axis.place(bin.to));
    let (wide, y, share) = (to - from, BASE - height, percent(bin.share));
    html! {
        @if bin.from == bin.to {
            line.spike x1=(round(from)) x2=(round(from)) y1=(TOP) y2=(BASE) {
                title { "at " (number_text(bin.from)) ": " (share) " of the numbers" }
            }
            text x=(round(from)) y=(TOP - 8.0) text-anchor="middle" { (share) }
        } @else {
            rect.bar.edged x=(round(from)) y=(round(y)) width=(round(wide).max(0.1)) height=(round(height)) {
                title { "from " (number_text(bin.from)) " to " (number_text(bin.to)) ": " (share) " of the numbers" }
            }
            @if wide >= SHARE {
                text x=(round(f64::midpoint(from, to))) y=(round(y - 6.0)) text-anchor="middle" { (share) }
            }
        }
    }
}

/// The numbers between the bars, as far as there is room for them.
fn numbers(spread: &Spread, axis: &Axis) -> Markup {
    let mut free = f64::NEG_INFINITY;
    let end = axis.place(axis.last);
    let mut shown: Vec<(f64, f64)> = Vec::new();
    for point in &spread.points {
        let place = axis.place(point.value);
        // The last one is shown in any case.
        if place == end || (place >= free && place + NUMBER <= end) {
            shown.push((place, point.value));
            free = place + NUMBER;
        }
        if place == end {
            break;
        }
    }
    html! {
        @for (place, value) in shown {
            @let anchor = if place <= LEFT { "start" } else if place >= RIGHT { "end" } else { "middle" };
            text x=(round(place)) y=(BASE + 18.0) text-anchor=(anchor) { (short(value)) }
        }
    }
}

/// What is not drawn, as nobody knows how far it reaches.
fn left_out(spread: &Spread) -> String {
    let (below, above) = spread.outside();
    let mut words = String::new();
    if let (Some(first), Some(last)) = (spread.points.first(), spread.points.last()) {
        for (share, side, point) in [(below, "below", first), (above, "above", last)] {
            if share > 0.0 {
                let (share, name) = (percent(share), &point.name);
                words += &format!("{share} are {side} {name} and not drawn. ");
            }
        }
    }
    words
}

/// A share in per cent.
fn percent(share: f64) -> String {
    let hundredths = (share * 1e9).round() / 1e7;
    format!("{} %", (hundredths * 1e4).round() / 1e4)
}

/// A number with at most four digits that say something behind the first one that does.
fn short(value: f64) -> String {
    let magnitude = value.abs().log10().floor();
    if value == 0.0 || !(-4.0..15.0).contains(&magnitude) {
        return format!("{value:.3e}").replace("0.000e0", "0");
    }
    let unit = 10f64.powi(3 - magnitude as i32).min(1e9);
    if magnitude >= 3.0 {
        return number_text(value.round());
    }
    number_text((value * unit).round() / unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantiles::Point;

    fn spread(points: &[(&str, f64, f64)]) -> Spread {
        let point = |&(name, share, value): &(&str, f64, f64)| Point {
            name: name.into(),
            share,
            value,
        };
        Spread {
            group: "g".into(),
            points: points.iter().map(point).collect(),
        }
    }

    /// Attributes of the bars: x, y, width and height.
    fn bars(text: &str) -> Vec<[f64; 4]> {
        let value = |rest: &str, name: &str| -> f64 {
            let (_, rest) = rest.split_once(&format!(" {name}=\"")).unwrap();
            rest.split('"').next().unwrap().parse().unwrap()
        };
        (text.split("<rect").skip(1))
            .map(|rest| ["x", "y", "width", "height"].map(|name| value(rest, name)))
            .collect()
    }

    #[test]
    fn areas_are_shares() {
        for last in [40.0, 4000.0] {
            let spread = spread(&[("min", 0.0, 10.0), ("q0.5", 0.5, 20.0), ("max", 1.0, last)]);
            let text = histogram("t", &spread).into_string();
            let bars = bars(&text);
            let areas: Vec<f64> = bars.iter().map(|bar| bar[2] * bar[3]).collect();
            assert_eq!(bars.len(), 2);
            assert!((areas[0] / areas[1] - 1.0).abs() < 0.01, "{areas:?}");
            assert_eq!(bars[0][0], LEFT);
            assert!((bars[1][0] + bars[1][2] - RIGHT).abs() < 0.2);
            assert_eq!(text.contains("logarithmic"), last > 1000.0);
            assert!(!text.contains("not drawn"));
        }
    }

    #[test]
    fn what_lies_outside_of_the_quantiles_is_said() {
        let text = histogram("t", &spread(&[("q0.05", 0.05, -1.0), ("q0.9", 0.9, 2.5)]));
        let text = text.into_string();
        assert!(text.contains("5 % are below q0.05 and not drawn. 10 % are above q0.9"));
        assert!(text.contains("from -1 to 2.5: 85 % of the numbers"));
    }

    #[test]
    fn one_number_and_the_largest_ones_have_a_place() {
        let same = spread(&[("q0.1", 0.1, 7.0), ("q0.9", 0.9, 7.0)]);
        let text = histogram("t", &same).into_string();
        assert!(text.contains("at 7: 80 % of the numbers") && !text.contains("<rect"));
        let wide = spread(&[("q0.1", 0.1, -f64::MAX), ("q0.9", 0.9, f64::MAX)]);
        for text in [text, histogram("t", &wide).into_string()] {
            assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        }
        assert!(!histogram("t", &spread(&[])).into_string().contains("NaN"));
    }

    #[test]
    fn numbers_on_the_axis_are_short() {
        let texts = [0.0, 897.648164863, 0.012345, 123456.7, -2.5, 1e20].map(short);
        assert_eq!(
            texts,
            ["0", "897.6", "0.01235", "123,457", "-2.5", "1.000e20"]
        );
    }
}
