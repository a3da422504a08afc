//! The result of a job, as far as a page shows it.

use std::collections::BTreeMap;

use gristmill_common::spec::{Format, Kind, Shape, TableShape};
use gristmill_reducer::{Manifest, OutputFiles};

use crate::ReportError;
use crate::cell::Cell;
use crate::clip::clip;
use crate::part_files::PartFile;
use crate::quantiles::{QuantileColumns, Spread};
use crate::rows::{Row, RowFormat};
use crate::tags::Tags;
use crate::top::Top;

/// The most rows in the page's table.
const ROWS: usize = 1000;
/// The most groups in a chart.
const HEAVIEST: usize = 20;
/// The most different times and counts that are kept apart while reading.
const POINTS: usize = 200_000;
/// The most lines of an ordered result on the page, and their longest, in characters.
const LINES: usize = 100;
const LINE: usize = 400;

/// The result in the form that fits its kind.
#[derive(Debug, Default)]
pub(crate) enum ResultView {
    /// Nothing to show.
    #[default]
    None,
    /// Rows of groups.
    Table(TableView),
    /// How often each tag occurs.
    Tags(Vec<(String, u64)>),
    /// The first lines of an ordered result.
    Lines(LinesView),
}

/// A table's first rows and its chart.
#[derive(Debug)]
pub(crate) struct TableView {
    pub(crate) names: Vec<String>,
    /// How many of the names are key fields.
    pub(crate) keys: usize,
    pub(crate) rows: Vec<Row>,
    /// How many rows the result has.
    pub(crate) all: u64,
    pub(crate) chart: ChartView,
    /// Of each field with quantiles, the spread of its numbers in the heaviest groups.
    pub(crate) spreads: Vec<(String, Vec<Spread>)>,
}

/// The chart that fits a table.
#[derive(Debug, PartialEq)]
pub(crate) enum ChartView {
    /// No numbers, or quantiles, which have pictures of their own.
    None,
    /// The heaviest groups: label and value.
    Bars(Vec<(String, f64)>),
    /// A value by time, in order.
    Line(Vec<(String, f64)>),
    /// How frequent the words are, by rank: (rank, count), with the last rank of each count.
    Ranks(Vec<(u64, f64)>),
}

/// The first lines of an ordered result.
#[derive(Debug, Default)]
pub(crate) struct LinesView {
    pub(crate) lines: Vec<String>,
    /// How many lines and bytes the result has.
    pub(crate) all: u64,
    pub(crate) bytes: u64,
}

impl ResultView {
    /// Reads the part files of an output.
    pub(crate) fn read(output: &dyn OutputFiles, manifest: &Manifest) -> Result<Self, ReportError> {
        let spec = &manifest.spec;
        match spec.kind.shape() {
            Shape::Table(shape) => TableView::read(output, manifest, &shape).map(Self::Table),
            _ if matches!(spec.kind, Kind::Pos(_)) => {
                let mut tags = Tags::default();
                let mut buffer = Vec::new();
                for file in PartFile::all(output, manifest) {
                    let mut file = file?;
                    while let Some(line) = file.next_line(&mut buffer)? {
                        tags.take(line, spec.format);
                    }
                }
                Ok(Self::Tags(tags.by_count()))
            }
            _ if matches!(spec.format, Format::Frames | Format::Tar) => Ok(Self::None),
            _ => LinesView::read(output, manifest).map(Self::Lines),
        }
    }
}

impl TableView {
    fn read(
        output: &dyn OutputFiles,
        manifest: &Manifest,
        shape: &TableShape,
    ) -> Result<Self, ReportError> {
        let format = RowFormat::new(shape, manifest.spec.format);
        let mut top = Top::new(ROWS);
        let mut chart = ChartReader::new(&manifest.spec.kind, &format);
        let mut buffer = Vec::new();
        let mut take = |row: Row| {
            chart.take(&row);
            top.push(row);
        };
        for file in PartFile::all(output, manifest) {
            let mut file = file?;
            if manifest.spec.format == Format::Csv {
                file.for_each_csv(format.header(), |fields| {
                    format.of_csv(fields).map(&mut take)
                })?;
                continue;
            }
            for _ in 0..format.header() {
                file.next_line(&mut buffer)?;
            }
            while let Some(line) = file.next_line(&mut buffer)? {
                take(format.read(line).map_err(|what| file.malformed(what))?);
            }
        }
        let all = top.seen();
        let rows = top.into_rows();
        let spreads = match &manifest.spec.kind {
            Kind::GroupBy(options) => {
                spreads(&QuantileColumns::all(options, &format), &rows, &format)
            }
            _ => Vec::new(),
        };
        Ok(Self {
            names: format.names().map(str::to_owned).collect(),
            keys: format.keys.len(),
            all,
            chart: match chart.finish(&rows, &format) {
                ChartView::Bars(_) if !spreads.is_empty() => ChartView::None,
                chart => chart,
            },
            spreads,
            rows,
        })
    }
}

/// What a chart calls a row's group.
fn label(row: &Row, format: &RowFormat) -> String {
    let keys = row.cells[..format.keys.len()].iter().map(Cell::label);
    match format.keys.is_empty() {
        true => "all records".to_owned(),
        false => clip(&keys.collect::<Vec<_>>().join(" · "), 60),
    }
}

/// Of each field, the spreads of the heaviest groups.
fn spreads(
    fields: &[QuantileColumns],
    rows: &[Row],
    format: &RowFormat,
) -> Vec<(String, Vec<Spread>)> {
    let of = |columns: &QuantileColumns| {
        let heaviest = rows.iter().take(HEAVIEST);
        let spreads = heaviest.map(|row| columns.spread(row, label(row, format)));
        (columns.field.clone(), spreads.collect())
    };
    fields.iter().map(of).collect()
}

/// Collects what a chart needs while rows pass.
enum ChartReader {
    /// The heaviest rows are enough.
    Bars,
    /// The first value by time; `at` is the time's field.
    Times {
        at: usize,
        sums: BTreeMap<String, f64>,
    },
    /// How many rows have which count.
    Counts(BTreeMap<u64, u64>),
}

impl ChartReader {
    fn new(kind: &Kind, format: &RowFormat) -> Self {
        if format.values.is_empty() {
            return Self::Bars;
        }
        let times = [":minute", ":hour", ":day", ":month"];
        let is_time = |name: &String| name == "time" || times.iter().any(|end| name.ends_with(end));
        if let Some(at) = format.keys.iter().position(is_time) {
            let sums = BTreeMap::new();
            return Self::Times { at, sums };
        }
        match kind {
            Kind::WordCount(_) => Self::Counts(BTreeMap::new()),
            _ => Self::Bars,
        }
    }

    fn take(&mut self, row: &Row) {
        match self {
            Self::Bars => {}
            Self::Times { at, sums } => {
                // What has no time has no place on the axis.
                let Some(time) = row.cells[*at].text() else {
                    return;
                };
                if let Some(sum) = sums.get_mut(time) {
                    *sum += row.weight;
                } else if sums.len() < POINTS {
                    sums.insert(time.to_owned(), row.weight);
                }
            }
            Self::Counts(counts) => {
                let count = row.weight as u64;
                if counts.len() < POINTS || counts.contains_key(&count) {
                    *counts.entry(count).or_default() += 1;
                }
            }
        }
    }

    fn finish(self, rows: &[Row], format: &RowFormat) -> ChartView {
        match self {
            Self::Bars if format.values.is_empty() || format.keys.is_empty() => ChartView::None,
            Self::Bars => {
                let heaviest = rows.iter().take(HEAVIEST);
                let bars = heaviest.map(|row| (label(row, format), row.weight));
                ChartView::Bars(bars.collect())
            }
            Self::Times { sums, .. } => ChartView::Line(sums.into_iter().collect()),
            Self::Counts(counts) => {
                let mut rank = 0;
                let ranks = counts.into_iter().rev().map(|(count, rows)| {
                    rank += rows;
                    (rank, count as f64)
                });
                ChartView::Ranks(ranks.collect())
            }
        }
    }
}

impl LinesView {
    fn read(output: &dyn OutputFiles, manifest: &Manifest) -> Result<Self, ReportError> {
        let mut view = Self::default();
        for file in PartFile::all(output, manifest) {
            let mut file = file?;
            // The open line, as far as it is shown: a line may be as long as a document.
            let mut open = Vec::new();
            let mut last = b'\n';
            file.for_each_piece(|piece| {
                view.bytes += piece.len() as u64;
                view.all += memchr::memchr_iter(b'\n', piece).count() as u64;
                last = piece.last().copied().unwrap_or(last);
                for part in piece.split_inclusive(|&byte| byte == b'\n') {
                    if view.lines.len() >= LINES {
                        break;
                    }
                    let room = (LINE * 4usize).saturating_sub(open.len());
                    open.extend_from_slice(&part[..part.len().min(room)]);
                    if part.ends_with(b"\n") {
                        view.lines.push(shown(&open));
                        open.clear();
                    }
                }
            })?;
            if last != b'\n' {
                view.all += 1;
                if view.lines.len() < LINES {
                    view.lines.push(shown(&open));
                }
            }
        }
        Ok(view)
    }
}

fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    clip(text.trim_end_matches(['\n', '\r']), LINE)
}
