//! The page itself: sections, tables and the policy that keeps everything else out.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gristmill_common::sha256::Sha256;
use gristmill_common::spec::Kind;
use gristmill_reducer::Manifest;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::account::AccountView;
use crate::chart::{bars, line, ranks, spreads, thousands};
use crate::clip::clip;
use crate::histogram::histogram;
use crate::quantiles::Spread;
use crate::quarantine::QuarantineView;
use crate::result::{ChartView, LinesView, ResultView, TableView};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The most sources that are listed with what was set aside of them.
const WORST: usize = 50;

/// What a page shows.
pub(crate) struct Page<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) took: Option<Duration>,
    pub(crate) findings: &'a [String],
    pub(crate) account: &'a AccountView,
    pub(crate) result: &'a ResultView,
    pub(crate) quarantine: &'a QuarantineView,
}

impl Page<'_> {
    /// The page as HTML.
    pub(crate) fn render(&self) -> String {
        let kind = self.manifest.spec.kind.name();
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy());
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { "Gristmill: " (kind) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    main {
                        h1 { "Gristmill report: " (kind) }
                        (self.verdict())
                        (self.result())
                        (self.account())
                        (self.quarantine())
                        (self.job())
                        (self.files())
                    }
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        }
        .into_string()
    }

    fn verdict(&self) -> Markup {
        let totals = &self.account.totals;
        html! {
            @if self.findings.is_empty() {
                p.verdict { "Verified: every file has the hash that the manifest names, and every record is accounted for." }
            } @else {
                p.bad { "Not sound: " (self.findings.len()) " finding(s). The result is not shown." }
                ul { @for finding in self.findings { li { (finding) } } }
            }
            p {
                (count(totals.records)) " records in = " (count(totals.mapped)) " mapped + "
                (count(totals.quarantined)) " set aside, from " (count(totals.sources))
                @if totals.sources == 1 { " source." } @else { " sources." }
                @if totals.skipped_chunks > 0 {
                    span.bad { " " (count(totals.skipped_chunks)) " chunks could not be run at all." }
                }
                @if totals.foreign_messages > 0 {
                    span.bad { " " (count(totals.foreign_messages)) " foreign messages were set aside." }
                }
            }
        }
    }

    fn account(&self) -> Markup {
        let view = self.account;
        html! {
            h2 { "Account" }
            div.scroll tabindex="0" role="region" aria-label="Account by source" {
                table.sortable {
                    caption { "Records by source" (left_out(view.left_out as u64)) }
                    thead { tr {
                        th scope="col" { "source" } th.number scope="col" { "in" } th.number scope="col" { "mapped" }
                        th.number scope="col" { "set aside" } th.number scope="col" { "missing" }
                    } }
                    tbody { @for row in &view.sources { tr {
                        td { (row.name) }
                        td.number { (count(row.account.records)) }
                        td.number { (count(row.account.mapped)) }
                        td.number { (count(row.account.quarantined)) }
                        td.number.bad[row.missing > 0] { (count(row.missing)) }
                    } } }
                }
            }
        }
    }

    fn result(&self) -> Markup {
        html! {
            h2 { "Result" }
            @match self.result {
                ResultView::None => p.dim { "Nothing that a page can show; the files are listed below." },
                ResultView::Table(table) => (result_table(table)),
                ResultView::Tags(tags) => (tag_table(tags)),
                ResultView::Lines(lines) => {
                    (first_lines(lines))
                    @if matches!(self.manifest.spec.kind, Kind::Grep(_)) {
                        p.dim { "How many records of each document match: the same job with " code { "-c -H" } "." }
                    }
                },
            }
        }
    }

    fn quarantine(&self) -> Markup {
        let view = self.quarantine;
        let rows = self.account.sources.iter();
        let worst: Vec<_> = rows.filter(|row| row.account.quarantined > 0).collect();
        html! {
            h2 { "Set aside" }
            @if view.reasons.is_empty() { p { "Nothing." } } @else {
                div.scroll tabindex="0" role="region" aria-label="Set aside by reason" {
                    table.sortable {
                        caption { "By reason" @if view.other_entries > 0 { " (and " (count(view.other_entries)) " entries of other reasons)" } }
                        thead { tr { th scope="col" { "reason" } th.number scope="col" { "entries" } th.number scope="col" { "records" } } }
                        tbody { @for reason in &view.reasons { tr {
                            td { (reason.reason) } td.number { (count(reason.entries)) } td.number { (count(reason.records)) }
                        } } }
                    }
                }
                div.scroll tabindex="0" role="region" aria-label="Set aside by source" {
                    table.sortable {
                        caption { "By source" (left_out(worst.len().saturating_sub(WORST) as u64)) }
                        thead { tr { th scope="col" { "source" } th.number scope="col" { "records" } } }
                        tbody { @for row in worst.iter().take(WORST) { tr {
                            td { (row.name) } td.number { (count(row.account.quarantined)) }
                        } } }
                    }
                }
                @for reason in &view.reasons {
                    details {
                        summary { (reason.reason) " (" (count(reason.entries)) ")" }
                        @for sample in &reason.samples {
                            p.dim { (sample.document) ", offset " (sample.offset) }
                            pre tabindex="0" { (sample.text) }
                            @if !sample.stderr.is_empty() { pre tabindex="0" { (sample.stderr) } }
                        }
                    }
                }
            }
        }
    }

    fn job(&self) -> Markup {
        let manifest = self.manifest;
        let spec = serde_json::to_string_pretty(&manifest.spec).unwrap_or_default();
        html! {
            h2 { "Job" }
            p { "Kind " code { (manifest.spec.kind.name()) } ", version " (manifest.processor)
                "; written by gristmill " (manifest.gristmill) "."
                @if let Some(took) = self.took { " It took " (duration(took)) "." } }
            details { summary { "Everything that decides the bytes" } pre tabindex="0" { (spec) } }
        }
    }

    fn files(&self) -> Markup {
        let files = &self.manifest.files;
        let shown = files.len().min(1000);
        html! {
            h2 { "Files" }
            div.scroll tabindex="0" role="region" aria-label="Files" {
                table {
                    caption { "What the manifest lists" (left_out((files.len() - shown) as u64)) }
                    thead { tr { th scope="col" { "name" } th.number scope="col" { "bytes" } th scope="col" { "SHA-256" } } }
                    tbody { @for file in &files[..shown] { tr {
                        td { (file.name) } td.number { (count(file.bytes)) } td { code { (file.sha256) } }
                    } } }
                }
            }
        }
    }
}

fn result_table(view: &TableView) -> Markup {
    let shown = view.rows.len() as u64;
    let what = view.names.get(view.keys).map_or("", String::as_str);
    html! {
        @match &view.chart {
            ChartView::None => {},
            ChartView::Bars(all) => (bars(&format!("The groups with most {what}"), all)),
            ChartView::Line(points) => (line(&format!("{what} by time"), points)),
            ChartView::Ranks(points) => (ranks("How often words occur, by rank; both axes are logarithmic", points)),
        }
        @for (number, (field, rows)) in view.spreads.iter().enumerate() { (histograms(number, field, rows, what)) }
        div.scroll tabindex="0" role="region" aria-label="Result" {
            table.sortable {
                caption { (count(view.all)) " rows, largest first" (left_out(view.all - shown)) }
                thead { tr { @for (at, name) in view.names.iter().enumerate() {
                    th.number[at >= view.keys] scope="col" { (name) }
                } } }
                tbody { @for row in &view.rows { tr { @for (at, cell) in row.cells.iter().enumerate() {
                    td.number[at >= view.keys] { (cell.markup()) }
                } } } }
            }
        }
    }
}

/// The spread of a field's numbers: each group's histogram, of which one is open at a time, and all
/// groups on one axis.
fn histograms(number: usize, field: &str, rows: &[Spread], what: &str) -> Markup {
    let field = clip(field, 60);
    html! {
        h3 { "How " (field) " is spread" }
        p.dim { "Histograms as the quantiles tell them: the area of a bar is the share of the group's numbers between two \
            quantiles that are neighbours. Quantiles are at most 1 % off." }
        @for (at, row) in rows.iter().enumerate() {
            details name={ "histogram-" (number) } open[at == 0] {
                summary { (row.group) @if row.points.is_empty() { ": no numbers" } }
                @if !row.points.is_empty() {
                    (histogram(&format!("Histogram of {field} in {}", row.group), row))
                }
            }
        }
        @if rows.len() > 1 {
            p.dim { "The quantiles of the groups with most " (what) ", on one axis:" }
            (spreads(&format!("Quantiles of {field} in the groups with most {what}"), rows))
        }
    }
}

fn tag_table(tags: &[(String, u64)]) -> Markup {
    let chart: Vec<(String, f64)> = (tags.iter().take(20))
        .map(|(tag, count)| (tag.clone(), *count as f64))
        .collect();
    html! {
        (bars("The most frequent tags", &chart))
        div.scroll tabindex="0" role="region" aria-label="Tags" {
            table.sortable {
                caption { "Tokens by tag" }
                thead { tr { th scope="col" { "tag" } th.number scope="col" { "tokens" } } }
                tbody { @for (tag, tokens) in tags { tr { td { (tag) } td.number { (count(*tokens)) } } } }
            }
        }
    }
}

fn first_lines(view: &LinesView) -> Markup {
    let hidden = view.all - view.lines.len() as u64;
    html! {
        p { (count(view.all)) " lines, " (count(view.bytes)) " bytes" (left_out(hidden)) "." }
        @if !view.lines.is_empty() {
            pre tabindex="0" { @for line in &view.lines { (line) "\n" } }
        }
    }
}

fn left_out(number: u64) -> Markup {
    html! { @if number > 0 { ", " (count(number)) " more are not shown here" } }
}

/// How long a job took: to a hundredth of a second below a minute.
fn duration(took: Duration) -> String {
    let seconds = took.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) if took.subsec_nanos() == 0 => format!("{seconds} s"),
        (0, 0, _) => format!("{:.2} s", took.as_secs_f64()),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, seconds) => format!("{} h {minutes} min {seconds} s", count(hours)),
    }
}

fn count(number: u64) -> String {
    thousands(&number.to_string())
}

/// Nothing but the page's own style and script: no network, no other script, no form.
fn policy() -> String {
    format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

fn hash(text: &str) -> String {
    format!(
        "sha256-{}",
        STANDARD.encode(Sha256::of(text.as_bytes()).bytes())
    )
}
