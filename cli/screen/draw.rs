//! A view as the lines of a screen: a pure function of the view and the terminal's size.

use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, HumanDuration};
use serde_json::Value;

use super::line::{Line, Look};
use super::terminal::Size;

/// Columns of a state, a percentage, a rate and a time, each with the blank behind it.
const STATE: usize = 10;
const PERCENT: usize = 8;
const RATE: usize = 14;
const LEFT: usize = 11;
/// The least and the most columns of a bar; with less room it is left out.
const BAR: (usize, usize) = (8, 30);
/// The longest name that is shown whole, of a job or of a worker.
const NAME: usize = 40;
/// The least columns of a name.
const LEAST_NAME: usize = 12;

/// What the screen shows of a view, in no more lines than there are rows.
pub(super) fn lines(view: &Value, size: Size) -> Vec<Line> {
    let none = Vec::new();
    let list = |name: &str| view[name].as_array().unwrap_or(&none);
    let (jobs, workers) = (list("jobs"), list("workers"));
    let mut lines = head(view, workers.len());
    let rows = size.rows.saturating_sub(lines.len());
    // A third for the workers, or what the jobs leave.
    let (job_lines, worker_lines) = (job_lines(view, jobs, size), worker_lines(workers, size));
    let blank = usize::from(!worker_lines.is_empty());
    let least = (worker_lines.len() + blank).min(rows / 3);
    let used = cut(&mut lines, job_lines, rows - least, "jobs");
    if blank > 0 && rows - used > 1 {
        lines.push(Line::default());
        cut(&mut lines, worker_lines, rows - used - 1, "workers");
    }
    lines
}

/// Puts the lines of a table into `rows`: whole entries, and how many are left out. Returns how
/// many rows were used.
fn cut(lines: &mut Vec<Line>, entries: Vec<Vec<Line>>, rows: usize, what: &str) -> usize {
    let all = entries.len();
    let needed: usize = entries.iter().map(Vec::len).sum();
    let room = if needed <= rows {
        rows
    } else {
        rows.saturating_sub(1)
    };
    let (mut used, mut shown) = (0, 0);
    for entry in entries {
        if used + entry.len() > room {
            break;
        }
        used += entry.len();
        shown += 1;
        lines.extend(entry);
    }
    if shown < all && used < rows {
        let more = format!("… {} more {what}", HumanCount((all - shown) as u64));
        lines.push(Line::default().with(Look::Dim, more));
        used += 1;
    }
    used
}

/// The first lines: how much there is, and what is wrong with the broker.
fn head(view: &Value, workers: usize) -> Vec<Line> {
    let count = |name: &str| view[name].as_u64().unwrap_or(0);
    let words = format!(
        "  {} of {} jobs active, {workers} workers",
        HumanCount(count("jobs_active")),
        HumanCount(count("jobs_all")),
    );
    let title = Line::default()
        .with(Look::Strong, "gristmill")
        .with(Look::Plain, words)
        .with(Look::Dim, "  (Ctrl-C leaves)");
    let mut lines = vec![title];
    let broker = &view["broker"];
    let mut bad = |words: String| lines.push(Line::default().with(Look::Bad, words));
    if let Some(reason) = broker["alarm"].as_str() {
        bad(format!(
            "the broker is in alarm and takes no messages: {reason}"
        ));
    }
    if broker["connections_down"].as_u64().unwrap_or(0) > 0 {
        bad("the broker is gone; this is what was seen last".into());
    }
    if let Some(reason) = view["reports_error"].as_str() {
        bad(format!("the workers' reports cannot be heard: {reason}"));
    }
    lines
}

/// How wide the columns of a terminal are.
struct Widths {
    name: usize,
    bar: Option<usize>,
    rate: bool,
    left: bool,
}

impl Widths {
    fn of(names: usize, size: Size) -> Self {
        let wanted = names.clamp(LEAST_NAME, NAME) + 1;
        let rest = |used: usize| size.columns.saturating_sub(STATE + PERCENT + used);
        let left = rest(LEFT) > LEAST_NAME;
        let rate = rest(LEFT + RATE) > LEAST_NAME;
        let used = usize::from(left) * LEFT + usize::from(rate) * RATE;
        let bar = rest(used + wanted).saturating_sub(1).min(BAR.1);
        let bar = (bar >= BAR.0).then_some(bar);
        let name = match bar {
            Some(_) => wanted,
            None => wanted.min(rest(used)).max(2),
        };
        Self {
            name: name - 1,
            bar,
            rate,
            left,
        }
    }
}

fn job_lines(view: &Value, jobs: &[Value], size: Size) -> Vec<Vec<Line>> {
    let names = jobs.iter().map(|job| text(job, "job").chars().count());
    let widths = Widths::of(names.max().unwrap_or(0), size);
    let mut entries: Vec<_> = jobs.iter().map(|job| job_entry(job, &widths)).collect();
    if view["jobs"].is_null() {
        let words = "the broker has not answered yet";
        entries.push(vec![Line::default().with(Look::Dim, words)]);
    }
    entries
}

fn job_entry(job: &Value, widths: &Widths) -> Vec<Line> {
    let state = text(job, "state");
    let active = matches!(state, "unsealed" | "running" | "stalled");
    let look = match state {
        "failed" | "stalled" => Look::Bad,
        "finished" => Look::Good,
        "cancelled" => Look::Dim,
        _ => Look::Plain,
    };
    let percent = job["percent"].as_f64();
    let mut line = Line::default()
        .column(Look::Strong, text(job, "job"), widths.name, false)
        .column(look, state, STATE - 1, false);
    if let Some(width) = widths.bar {
        let bar = percent.map_or(String::new(), |percent| bar(percent, width));
        line = line.column(look, &bar, width, false);
    }
    let done = percent.map_or(String::new(), |percent| format!("{percent:.1}%"));
    line = line.column(Look::Plain, &done, PERCENT - 1, true);
    if widths.rate {
        line = line.column(Look::Plain, &rate(job), RATE - 1, true);
    }
    if widths.left {
        let left = job["eta_seconds"].as_u64().filter(|_| active);
        let left = left.map_or(String::new(), |left| {
            HumanDuration(Duration::from_secs(left)).to_string()
        });
        line = line.column(Look::Plain, &left, LEFT - 1, true);
    }
    let mut lines = vec![line];
    let progress = progress(job);
    if active && !progress.is_empty() {
        lines.push(Line::default().with(Look::Dim, format!("  {progress}")));
    }
    // Troubles are among what it waits for.
    for reason in job["waits_for"].as_array().into_iter().flatten() {
        let words = format!("  waits for {}", reason.as_str().unwrap_or_default());
        lines.push(Line::default().with(Look::Bad, words));
    }
    if let Some(reason) = job["reason"].as_str() {
        lines.push(Line::default().with(Look::Bad, format!("  {reason}")));
    }
    lines
}

/// `12 of 40 chunks mapped; 2 mappers, 1 reducer; 3 records quarantined`.
fn progress(job: &Value) -> String {
    let number = |name: &str| job[name].as_u64();
    let count = |number: u64| HumanCount(number).to_string();
    let mut words = Vec::new();
    let all = number("chunks_total").or(number("chunks_published"));
    if let Some((mapped, all)) = number("chunks_mapped").zip(all) {
        let about = if job["sealed"] == true { "" } else { "about " };
        words.push(format!(
            "{} of {about}{} chunks mapped",
            count(mapped),
            count(all)
        ));
    }
    let workers = |role: &str| job["workers"][role].as_u64();
    if let Some((mappers, reducers)) = workers("mappers").zip(workers("reducers")) {
        let plural = |count| if count == 1 { "" } else { "s" };
        words.push(format!(
            "{mappers} mapper{}, {reducers} reducer{}",
            plural(mappers),
            plural(reducers)
        ));
    }
    if let Some(set_aside) = number("quarantined").filter(|records| *records > 0) {
        words.push(format!("{} records quarantined", count(set_aside)));
    }
    words.join("; ")
}

fn worker_lines(workers: &[Value], size: Size) -> Vec<Vec<Line>> {
    workers
        .iter()
        .map(|worker| vec![worker_line(worker, size)])
        .collect()
}

fn worker_line(worker: &Value, size: Size) -> Line {
    let host = format!("{}:{}", text(worker, "host"), worker["pid"]);
    let name = (size.columns / 3).clamp(LEAST_NAME, NAME);
    let lost = worker["lost"] == true;
    let look = if lost { Look::Dim } else { Look::Plain };
    let mut line = Line::default().column(look, &host, name, false).column(
        look,
        text(worker, "role"),
        8,
        false,
    );
    if size.columns > name + 8 + RATE + 10 + LEAST_NAME {
        let memory = worker["memory"].as_u64().filter(|bytes| *bytes > 0);
        let memory = memory.map_or(String::new(), |bytes| HumanBytes(bytes).to_string());
        line = line.column(look, &memory, 10, true);
        line = line.column(look, &rate(worker), RATE - 1, true);
    }
    let jobs: Vec<&str> = (worker["jobs"].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
        .collect();
    match (lost, worker["trouble"].as_str()) {
        (true, _) => {
            let silent = worker["silent_seconds"].as_u64().unwrap_or(0);
            line.with(look, format!("silent for {silent} s: lost, or ended"))
        }
        (false, Some(trouble)) => line.with(Look::Bad, trouble),
        (false, None) if jobs.is_empty() => line.with(Look::Dim, "no job"),
        (false, None) => line.with(look, jobs.join(", ")),
    }
}

fn rate(of: &Value) -> String {
    match of["bytes_per_second"].as_u64() {
        Some(bytes) if bytes > 0 => format!("{}/s", HumanBytes(bytes)),
        _ => String::new(),
    }
}

/// A bar of `width` columns, full for 100 per cent and never before.
fn bar(percent: f64, width: usize) -> String {
    let full = (percent / 100.0 * width as f64).floor() as usize;
    let full = full.min(width);
    format!("{}{}", "█".repeat(full), "░".repeat(width - full))
}

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_default()
}

#[cfg(test)]
#[path = "draw_tests.rs"]
mod tests;
