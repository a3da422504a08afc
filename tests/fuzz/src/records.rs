//! Records in every format of `group-by`: the first byte chooses one, or a wrapper around it, or to
//! tell it by the text.

use gristmill_common::spec::GroupBy;
use gristmill_mapper::{name_format, survey};

/// What `--parse` and `--unwrap` are; no format: it is told.
const WAYS: [(&str, Option<&str>); 23] = [
    ("", None),
    ("json", None),
    ("logfmt", None),
    ("csv", None),
    ("tsv", None),
    ("w3c", None),
    ("regex:(?P<a>\\w+) ?(?P<b>.*)", None),
    ("access-log", None),
    ("combined", None),
    ("apache:%h %{%F %T}t %>s", None),
    ("alb", None),
    ("elb", None),
    ("s3", None),
    ("haproxy", None),
    ("squid", None),
    ("traefik", None),
    ("syslog", None),
    ("json", Some("docker")),
    ("logfmt", Some("journald")),
    ("logfmt", Some("cri")),
    ("", Some("syslog")),
    ("ltsv", None),
    ("csv:;", None),
];

/// Surveys them in the format that the first byte chooses.
pub fn check(bytes: &[u8]) {
    let Some((&way, text)) = bytes.split_first() else {
        return;
    };
    let (parse, unwrap) = WAYS[usize::from(way) % WAYS.len()];
    let mut options = GroupBy {
        parse: parse.into(),
        unwrap: unwrap.map(str::to_owned),
        ..GroupBy::default()
    };
    if parse.is_empty() {
        let Ok(told) = name_format(&options, text, way >= 128) else {
            return;
        };
        options.parse = told.into();
    }
    let seen = survey(&options, text, way >= 128).expect("the options are good");
    for field in &seen.fields {
        // A field that is told is one that can be asked for, and some record has it.
        assert!(field.records > 0 && field.records <= seen.records);
        let types: u64 = field.types.iter().map(|(_, count)| count).sum();
        assert_eq!(types, field.records);
    }
}
