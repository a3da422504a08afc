//! Servers' and system logs, and LogFormats of the user's own.

use super::super::field::Names;
use super::maker;
use super::tests::{is, is_not, options, read};

#[test]
fn syslog_of_both_standards() {
    let rfc5424 = r#"<165>1 2003-10-11T22:14:15.003Z host app - ID47 [a@1 x="]y"][b@2] hello"#;
    is(
        "syslog",
        "pri,host,app,pid,data,message",
        rfc5424,
        &[
            "165",
            "host",
            "app",
            "absent",
            r#"[a@1 x="]y"][b@2]"#,
            "hello",
        ],
    );
    let rfc3164 = "Oct 11 22:14:15 mymachine su[12]: 'su root' failed: x";
    is(
        "syslog",
        "pri,time,app,pid,message,msgid",
        rfc3164,
        &[
            "absent",
            "Oct 11 22:14:15",
            "su",
            "12",
            "'su root' failed: x",
            "absent",
        ],
    );
    is_not("syslog", "app", &["hello"]);
}

#[test]
fn syslog_without_a_host() {
    for (line, expected) in [
        (
            "<34>Oct 11 22:14:15 sshd[123]: error: kex failed",
            ["absent", "sshd", "123", "error: kex failed"],
        ),
        (
            "2025-03-03T10:00:00.000000+00:00 app[web.1]: 2001:db8::1 x: y",
            ["absent", "app", "web.1", "2001:db8::1 x: y"],
        ),
        (
            "Oct 11 22:14:15 fe80::1 app: addr=10.0.0.1:80",
            ["fe80::1", "app", "absent", "addr=10.0.0.1:80"],
        ),
        ("Oct 11 22:14:15 web1 app[1]:x", ["web1", "app", "1", "x"]),
        ("Oct 11 22:14:15 web1 app:", ["web1", "app", "absent", ""]),
    ] {
        is("syslog", "host,app,pid,message", line, &expected);
    }
    is_not(
        "syslog",
        "app",
        &[
            "Oct 11 22:14:15 web1 10.0.0.1:80 x",
            "2015-05-13T23:39:43Z 2001:db8::1 - -",
        ],
    );
}

#[test]
fn haproxy_with_fields_behind_the_request() {
    let before = "Feb  6 12:14:14 lb haproxy[14389]: 10.0.1.2:33317 [06/Feb/2009:12:14:14.655] in~ s/s1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0";
    let tls = "0/0000000000000000/0/0/0 1wt.eu/TLSv1.3/TLS_AES_256_GCM_SHA384";
    for (rest, expected) in [
        (format!("\"GET /a HTTP/1.1\" {tls}"), ["/a", "HTTP/1.1"]),
        (
            format!("{{x}} {{}} \"GET /a HTTP/1.1\" {tls} \"agent x\""),
            ["/a", "HTTP/1.1"],
        ),
        ("\"GET /a HTTP/1.1\"".into(), ["/a", "HTTP/1.1"]),
        ("\"GET /cut".into(), ["/cut", "absent"]),
        ("\"<BADREQ>\"".into(), ["absent", "absent"]),
    ] {
        let line = format!("{before} {rest}");
        is("haproxy", "url,protocol", &line, &expected);
    }
    is_not("haproxy", "url", &[&format!("{before} \"GET /a\"x")]);
}

#[test]
fn access_logs_of_usual_and_of_own_formats() {
    let combined =
        r#"192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /a?b=c HTTP/1.1" 404 - "-" "x \"y\"""#;
    for parse in ["access-log", "combined"] {
        is(
            parse,
            "host,user,time,path,query,status,bytes,referer,agent",
            combined,
            &[
                "192.0.2.1",
                "absent",
                "17/May/2015:10:05:03 +0000",
                "/a?b=c",
                "b=c",
                "404",
                "absent",
                "absent",
                "x \"y\"",
            ],
        );
    }
    is("apache:%h %b", "bytes", "h -", &["absent"]);
    is("apache:%h %b", "bytes", "h 0", &["0"]);
    is(
        "apache:%h %{%Y-%m-%dT%H}t %>s",
        "time,status",
        "h 2025-03-03T10 200",
        &["2025-03-03T10:00", "200"],
    );
    for (parse, line, time) in [
        (
            "apache:%h %{iso8601}t",
            "h 2025-03-03T10:47:09+01:00",
            "2025-03-03T09:47",
        ),
        ("apache:%h %{sec}t", "h 1741000000", "2025-03-03T11:06"),
        (
            "apache:%h %{%F %H:%M}t",
            "h 2025-03-03 10:47",
            "2025-03-03T10:47",
        ),
        ("apache:%h %{%F}t", "h 2025-03-03", "2025-03-03"),
    ] {
        is(parse, "time", line, &[time]);
    }
    is_not("combined", "host", &["hello"]);
}

#[test]
fn a_format_without_the_minute_has_none() {
    for (format, least) in [
        ("%h %{%F}t", 2),
        ("%h %{%F %H}t", 1),
        ("%h %{%F %R}t", 0),
        ("%h %{msec}t", 0),
        ("%h %t", 0),
    ] {
        for (place, unit) in ["minute", "hour", "day", "month"].iter().enumerate() {
            let mut names = Names::default();
            names.asked("", &format!("time:{unit}")).unwrap();
            names.asked("", "time:day").unwrap();
            let made = maker(&options(&format!("apache:{format}"), ""), &names);
            let error = made.err().map(|error| error.0);
            assert_eq!(error.is_some(), place < least, "{format} {unit}: {error:?}");
            assert!(error.is_none_or(|error| error.contains("time:")));
        }
    }
}

#[test]
fn reasons_name_no_option_of_another_kind() {
    for parse in [
        "access-log",
        "combined",
        "apache:%h %{%F}t %>s",
        "apache:%t %>s",
    ] {
        for line in [
            "x",
            "192.0.2.1 - - [17/May/2015:10:05:03 +0000] x",
            r#"192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1 x"#,
            r#"192.0.2.1 - - [17/May/2015:10:05:03] "GET / HTTP/1.1" 200 1"#,
            r#"x: 1 2 3 - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1"#,
            r#"- [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1"#,
            "h 2025-03-03x 200",
            "h 2025-03-03 200 x",
            "h x 200",
        ] {
            let read = read(parse, "", "status", line.as_bytes());
            if let Err(reason) = read {
                assert!(!reason.contains("--"), "{parse}: {line}: {reason}");
                assert!(!reason.is_empty(), "{parse}: {line}");
            }
        }
    }
}
