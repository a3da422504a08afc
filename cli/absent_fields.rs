//! Fields of a `group-by` that no record has: said at the end, with the nearest one that exists.

use std::path::Path;

use gristmill_common::counters::{Counter, Counters, MAX_COUNTERS};
use gristmill_common::header::HeaderRule;
use gristmill_common::spec::{Kind, PRESENT};
use gristmill_input::Plan;
use gristmill_mapper::{field_names, survey};

use crate::kind_command::TypedJob;

/// How much of the first document is looked at, in bytes.
const ENOUGH: usize = 64 << 10;
/// So many fields are named where none is near.
const NAMED: usize = 10;

/// A line for each field that no record has, by what was counted in so many records.
#[must_use]
pub fn warnings<R>(
    job: &TypedJob<R>,
    plan: &mut Plan,
    (counters, mapped): (&Counters, u64),
    tmp: &Path,
) -> Vec<String> {
    let Kind::GroupBy(options) = &job.spec.kind else {
        return Vec::new();
    };
    let names = match field_names(options) {
        // More are not counted.
        Ok(names) if names.len() <= MAX_COUNTERS => names,
        _ => return Vec::new(),
    };
    let present: Vec<String> = (counters.iter())
        .filter(|counter| counter.group == PRESENT)
        .map(|counter| counter.name)
        .collect();
    // Not all names can be counted.
    let countable = |name: &&String| Counter::new(PRESENT.as_bytes(), name.as_bytes(), 0).is_some();
    let absent: Vec<&String> = (names.iter())
        .filter(|name| !present.contains(name))
        .filter(countable)
        .collect();
    // Documents whose headers name none of the fields were set aside for that.
    let is_why = options.header_rule() == Some(HeaderRule::FirstRecord);
    if absent.is_empty() || (mapped == 0 && !is_why) {
        return Vec::new();
    }
    let first = match &job.first_text {
        Some(first) => Some(first.clone()),
        // What is wrong now was not when the job was run: nothing is suggested.
        None if plan.is_repeatable() => plan.first_text(&job.spec, ENOUGH, tmp).ok().flatten(),
        None => None,
    };
    let known: Vec<String> = first
        .and_then(|first| survey(options, &first.text, first.whole).ok())
        .map(|survey| survey.fields.into_iter().map(|field| field.name).collect())
        .unwrap_or_default();
    if mapped == 0 && known.is_empty() {
        return Vec::new();
    }
    absent.iter().map(|name| warning(name, &known)).collect()
}

fn warning(name: &str, known: &[String]) -> String {
    let why = format!("warning: no record has the field `{name}`");
    if let Some(nearest) = nearest(name, known) {
        return format!("{why}; the nearest is `{nearest}`");
    }
    match known {
        [] => why,
        known => {
            let mut list = known[..known.len().min(NAMED)].join(", ");
            if known.len() > NAMED {
                list += ", … (`gristmill fields` lists more)";
            }
            format!("{why}; the first document has {list}")
        }
    }
}

/// The name that is most like another, if one is like it.
fn nearest<'k>(name: &str, known: &'k [String]) -> Option<&'k str> {
    let lower = name.to_lowercase();
    let one = |known: &'k String| {
        let other = known.to_lowercase();
        let inner = |long: &str, short: &str| {
            long.strip_suffix(short)
                .is_some_and(|rest| rest.ends_with('.'))
        };
        let far = match () {
            () if other == lower => 0,
            // The same inside something else.
            () if inner(&other, &lower) || inner(&lower, &other) => 1,
            () => distance(&lower, &other),
        };
        let near = far <= (lower.chars().count() / 3).max(1);
        near.then_some((far, &known[..]))
    };
    known.iter().filter_map(one).min().map(|(_, known)| known)
}

/// How many letters are put in, left out, exchanged or swapped with their neighbour to make one of
/// the other (the optimal string alignment distance).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (0, j) => j,
                (i, 0) => i,
                (i, j) => {
                    let same = usize::from(a[i - 1] != b[j - 1]);
                    let mut least = (rows[i - 1][j] + 1)
                        .min(rows[i][j - 1] + 1)
                        .min(rows[i - 1][j - 1] + same);
                    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        least = least.min(rows[i - 2][j - 2] + 1);
                    }
                    least
                }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_field_is_named() {
        let known = ["level", "request.host", "request.path", "Status", "took"].map(str::to_owned);
        for (name, expected) in [
            ("levl", Some("level")),
            ("lvel", Some("level")),
            ("elvel", Some("level")),
            ("status", Some("Status")),
            ("host", Some("request.host")),
            ("req.request.path", Some("request.path")),
            ("request.hots", Some("request.host")),
            ("user", None),
            ("x", None),
        ] {
            assert_eq!(nearest(name, &known), expected, "{name}");
        }
        let warned = warning("user", &known);
        assert!(
            warned.ends_with(
                "the first document has level, request.host, request.path, Status, took"
            )
        );
        assert_eq!(
            warning("user", &[]),
            "warning: no record has the field `user`"
        );
        assert_eq!(
            (
                distance("abc", ""),
                distance("ab", "ba"),
                distance("kitten", "sitting")
            ),
            (3, 1, 3)
        );
    }
}
