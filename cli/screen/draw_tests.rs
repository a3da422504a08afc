//! What a screen shows of a view, on terminals of every size.

use serde_json::json;

use super::*;

fn view() -> Value {
    json!({
        "broker": {"alarm": null, "connections_down": 0},
        "jobs_all": 3, "jobs_active": 2,
        "jobs": [
            {"job": "word-count-0123456789ab", "state": "running", "percent": 61.2, "eta_seconds": 125,
             "bytes_per_second": 10695475, "chunks_total": 2000, "chunks_mapped": 1227, "sealed": true,
             "quarantined": 3, "workers": {"producers": 0, "mappers": 2, "reducers": 1}},
            {"job": "logs", "state": "stalled", "percent": 99.9,
             "waits_for": ["its reducer: none seen in the last 2.5 s"]},
            {"job": "old", "state": "failed", "reason": "a queue was lost", "percent": 12.0},
        ],
        "workers": [
            {"host": "east", "pid": 17, "role": "map", "memory": 31457280, "jobs": ["logs"],
             "bytes_per_second": 5242880, "trouble": null, "lost": false},
            {"host": "west", "pid": 18, "role": "reduce", "memory": 0, "jobs": [], "trouble": null,
             "lost": false},
            {"host": "gone", "pid": 19, "role": "map", "jobs": ["logs"], "trouble": null, "lost": true,
             "silent_seconds": 30},
        ],
    })
}

fn shown(view: &Value, columns: usize, rows: usize) -> Vec<String> {
    let lines = lines(view, Size { columns, rows });
    lines
        .iter()
        .map(|line| line.text().trim_end().to_owned())
        .collect()
}

#[test]
fn jobs_and_workers_are_shown_with_bars_rates_and_what_they_wait_for() {
    let expected = "\
gristmill  2 of 3 jobs active, 3 workers  (Ctrl-C leaves)
word-count-0123456789ab running   ██████████████░░░░░░░░░░   61.2%   10.20 MiB/s  2 minutes
  1,227 of 2,000 chunks mapped; 2 mappers, 1 reducer; 3 records quarantined
logs                    stalled   ███████████████████████░   99.9%
  waits for its reducer: none seen in the last 2.5 s
old                     failed    ██░░░░░░░░░░░░░░░░░░░░░░   12.0%
  a queue was lost

east:17                        map       30.00 MiB    5.00 MiB/s logs
west:18                        reduce                            no job
gone:19                        map                               silent for 30 s: lost, or ended";
    let found = shown(&view(), 92, 30).join("\n");
    let trimmed: Vec<_> = expected.lines().map(str::trim_end).collect();
    assert_eq!(found, trimmed.join("\n"));
}

#[test]
fn a_narrow_terminal_drops_columns_and_no_size_breaks_it() {
    let narrow = shown(&view(), 40, 30);
    assert!(narrow[1].starts_with("word-count"), "{narrow:#?}");
    assert!(narrow[1].contains("61.2%") && !narrow[1].contains('█'));
    for columns in 0..130 {
        for rows in 0..40 {
            let lines = lines(&view(), Size { columns, rows });
            assert!(lines.len() <= rows.max(1), "{columns} x {rows}");
        }
    }
}

#[test]
fn what_does_not_fit_is_counted() {
    let mut many = view();
    let job = many["jobs"][2].clone();
    let worker = many["workers"][0].clone();
    many["jobs"] = vec![job; 100].into();
    many["workers"] = vec![worker; 100].into();
    let found = shown(&many, 80, 24);
    assert_eq!(found.len(), 24);
    assert!(
        found.iter().any(|line| line == "… 93 more jobs"),
        "{found:#?}"
    );
    assert!(
        found.last().is_some_and(|line| line.ends_with("workers")),
        "{found:#?}"
    );
}

#[test]
fn a_broker_that_does_not_answer_is_said() {
    let found = shown(&json!({"broker": {"connections_down": 1}}), 80, 24);
    assert_eq!(
        found[1..],
        [
            "the broker is gone; this is what was seen last",
            "the broker has not answered yet"
        ]
    );
    let alarm = json!({"broker": {"alarm": "memory"}, "jobs": [], "reports_error": "no"});
    let found = shown(&alarm, 80, 24);
    assert_eq!(found.len(), 3);
    assert!(found[1].ends_with("takes no messages: memory"));
}

#[test]
fn a_bar_is_full_only_at_the_end() {
    assert_eq!(bar(0.0, 4), "░░░░");
    assert_eq!(bar(99.9, 4), "███░");
    assert_eq!(bar(100.0, 4), "████");
    assert_eq!(bar(1e300, 2), "██");
}
