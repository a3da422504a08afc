//! Each format on lines as its makers show them, and on lines that are none.

use gristmill_common::condition::Value;
use gristmill_common::spec::GroupBy;
use proptest::prelude::*;

use super::super::field::{Found, Names};
use super::{Unwrap, maker};

pub(super) fn options(parse: &str, columns: &str) -> GroupBy {
    let columns = columns.split(',').filter(|name| !name.is_empty());
    GroupBy {
        parse: parse.into(),
        fields: columns.map(str::to_owned).collect(),
        ..GroupBy::default()
    }
}

/// The values of fields in a line, or its reason.
pub(super) fn read(
    parse: &str,
    columns: &str,
    fields: &str,
    line: &[u8],
) -> Result<Vec<String>, String> {
    let mut names = Names::default();
    let ids: Vec<_> = (fields.split(','))
        .map(|name| names.field("", name).unwrap())
        .collect();
    let maker = maker(&options(parse, columns), &names).unwrap().unwrap();
    let mut found = Found::new(names.paths.len());
    let mut parser = maker();
    parser.header(Some(b"#Fields: a,a,date time"))?;
    if !parser.record(line, &mut found)? {
        return Ok(vec!["blank".into()]);
    }
    let values = ids.iter().map(|&id| match found.value(id, line) {
        Value::Absent => "absent".to_owned(),
        Value::Null => "null".to_owned(),
        Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
        Value::Number(number) => number.to_string(),
    });
    Ok(values.collect())
}

pub(super) fn is(parse: &str, fields: &str, line: &str, expected: &[&str]) {
    assert_eq!(
        read(parse, "", fields, line.as_bytes()).unwrap(),
        expected,
        "{parse}: {line}"
    );
}

pub(super) fn is_not(parse: &str, fields: &str, lines: &[&str]) {
    for line in lines {
        let read = read(parse, "", fields, line.as_bytes());
        assert!(read.is_err(), "{parse}: {line}: {read:?}");
    }
}

#[test]
fn logfmt() {
    let line =
        r#"ts=2025-03-03T10:00:00Z level=info msg="a \"b\"\n" debug a.b=c= empty= q="" level=warn"#;
    let fields = "level,msg,debug,a.b,empty,q,none";
    is(
        "logfmt",
        fields,
        line,
        &["warn", "a \"b\"\n", "null", "c=", "", "", "absent"],
    );
    is("logfmt", "a", "  ", &["blank"]);
    let escapes = r#"a="\u003cb\u003e \ud83d\ude00" c="\u12" d="\/\t""#;
    is("logfmt", "a,d", escapes, &["<b> \u{1F600}", "/\t"]);
    // As Go's log/slog and logrus write them.
    let go = r#"a="\x1b[31mred\x1b[0m" b="\a\v\x00" c="\xff" d="\U0001F600" e="C:\dir \\x""#;
    is(
        "logfmt",
        "a,b",
        go,
        &["\u{1B}[31mred\u{1B}[0m", "\u{7}\u{B}\0"],
    );
    is("logfmt", "d,e", go, &["\u{1F600}", "C:\\dir \\x"]);
    is_not("logfmt", "a", &[r#"a="\x1g""#, r#"a="\UFFFFFFFF""#]);
    is_not("logfmt", "c", &[escapes, r#"c="\u+041""#]);
    is_not(
        "logfmt",
        "a",
        &[
            "hello world",
            "a=\"open",
            "a=\"open\\",
            "=x",
            r#"{"a":"b=c"}"#,
            r#"{"url": "/?q=1", "n": 2} "#,
        ],
    );
}

#[test]
fn csv_and_tsv() {
    let csv = |line: &str| read("csv", "a,b,c", "c,a", line.as_bytes());
    assert_eq!(csv("1,2,3").unwrap(), ["3", "1"]);
    assert_eq!(csv(r#"1,2,"x"#).unwrap_err(), "a quote that is not closed");
    assert_eq!(csv(r#""x, ""y""",,"z""#).unwrap(), ["z", r#"x, "y""#]);
    assert_eq!(csv(r#"5" pipe,,"#).unwrap(), ["", "5\" pipe"]);
    assert_eq!(csv("").unwrap(), ["blank"]);
    for line in ["1,2", "1,2,3,4", r#""a"b,c,d"#] {
        assert!(csv(line).is_err(), "{line}");
    }
    assert_eq!(read("tsv", "a,b", "b", b"x,y\t z").unwrap(), [" z"]);
}

#[test]
fn named_groups() {
    let parse = r"regex:^(?P<ts>\S+) (?P<lvl>[A-Z]+)(?: (?P<msg>.*))?$";
    is(
        parse,
        "lvl,msg",
        "10:00 WARN so it is",
        &["WARN", "so it is"],
    );
    is(parse, "lvl,msg", "10:00 WARN", &["WARN", "absent"]);
    is_not(parse, "lvl", &["nothing"]);
}

#[test]
fn load_balancers() {
    let alb = r#"https 2018-07-02T22:23:00.186641Z app/my-lb/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 201 0 57 "GET https://www.example.com:443/a b HTTP/1.1" "curl/7.46.0 (\"x\")" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:tg "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:cert" 1 2018-07-02T22:22:48.364000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1"#;
    is(
        "alb",
        "client,client_port,target_status_code,method,url,protocol,user_agent,redirect_url,conn_trace_id",
        alb,
        &[
            "192.168.131.39",
            "2817",
            "201",
            "GET",
            "https://www.example.com:443/a b",
            "HTTP/1.1",
            r#"curl/7.46.0 (\"x\")"#,
            "absent",
            "TID_1",
        ],
    );
    let elb = r#"2015-05-13T23:39:43.945958Z my-loadbalancer 192.168.131.39:2817 - 0.000073 0.001048 0.000057 200 - 0 29 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.38.0" - -"#;
    is(
        "elb",
        "elb,backend,backend_status_code,url",
        elb,
        &[
            "my-loadbalancer",
            "absent",
            "absent",
            "http://www.example.com:80/",
        ],
    );
    let six = elb.replace("192.168.131.39:2817 -", "[2001:db8::1]:2817 [::1]:80");
    is(
        "elb",
        "client,client_port,backend,elb_status_code",
        &six,
        &["[2001:db8::1]", "2817", "[::1]", "200"],
    );
    is_not("alb", "client", &[elb, "x", "\"open", "a [open"]);
    let haproxy = r#"Feb  6 12:14:14 localhost haproxy[14389]: 10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1""#;
    is(
        "haproxy",
        "client,time,backend,server,tt,bytes,request_cookie,request_headers,url",
        haproxy,
        &[
            "10.0.1.2",
            "06/Feb/2009:12:14:14.655",
            "static",
            "srv1",
            "109",
            "2750",
            "absent",
            "1wt.eu",
            "/index.html",
        ],
    );
}

#[test]
fn proxies_and_stores() {
    let squid = "1066037222.011   126389 10.0.0.5 TCP_MISS/404 1200 GET http://a.example/ - DIRECT/192.0.2.1 text/html";
    is(
        "squid",
        "elapsed,result,status,user,peer",
        squid,
        &["126389", "TCP_MISS", "404", "absent", "192.0.2.1"],
    );
    let nobody = squid.replace("DIRECT/192.0.2.1", "NONE/-");
    is(
        "squid",
        "hierarchy,peer,hierarchy/peer",
        &nobody,
        &["NONE", "absent", "NONE/-"],
    );
    let s3 = r#"79a59df900b949e5 amzn-s3-demo [06/Feb/2019:00:00:38 +0000] 192.0.2.3 79a59df900b949e5 3E57427F3EXAMPLE REST.GET.VERSIONING - "GET /amzn-s3-demo?versioning HTTP/1.1" 200 - 113 - 7 - "-" "S3Console/0.4" - s9lzHYrFp76ZVxRcpX9= SigV4 ECDHE AuthHeader host TLSV1.2 - -"#;
    is(
        "s3",
        "time,key,http_status,method,bytes_sent,referer",
        s3,
        &[
            "06/Feb/2019:00:00:38 +0000",
            "absent",
            "200",
            "GET",
            "113",
            "absent",
        ],
    );
    let traefik = r#"192.0.2.1 - bob [10/Oct/2024:13:55:36 +0000] "GET /x HTTP/1.1" 200 12 "-" "curl" 7 "web@docker" "http://10.0.0.2:80" 3ms"#;
    is(
        "traefik",
        "user,router,duration,url",
        traefik,
        &["bob", "web@docker", "3ms", "/x"],
    );
}

#[test]
fn quotes_and_backslashes_in_quoted_columns() {
    let alb = |agent: &str| {
        format!(
            r#"https 2025-03-03T10:00:01.000000Z app/web/1a2b 203.0.113.7:51000 10.0.0.1:80 0.001 0.020 0.000 200 200 300 5120 "GET https://example.org:443/ HTTP/1.1" {agent} ECDHE TLSv1.2 arn:x "Root=1" "example.org" "arn:cert" 0 2025-03-03T10:00:00.900000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-""#
        )
    };
    for (quoted, agent) in [
        (r#""x""#, "x"),
        (r#""""#, ""),
        (r#""\\""#, r"\\"),
        (r#""x\\""#, r"x\\"),
        (r#""x\" y\\""#, r#"x\" y\\"#),
        (r#""x\\\" y""#, r#"x\\\" y"#),
        (r#""x"y""#, r#"x"y"#),
    ] {
        let fields = "user_agent,ssl_protocol,domain_name";
        is(
            "alb",
            fields,
            &alb(quoted),
            &[agent, "TLSv1.2", "example.org"],
        );
    }
    is_not("alb", "url", &[&alb(r#""x "y" z""#), &alb(r#""x\""#)]);
    let s3 = |agent: &str, rest: &str| {
        format!(
            r#"79a5 bkt [06/Feb/2019:00:00:38 +0000] 192.0.2.3 u 3E57 REST.GET.OBJECT k "GET /bkt/k HTTP/1.1" 200 - 113 113 7 5 "-" {agent} - s9lz= SigV4 ECDHE AuthHeader bkt.example TLSv1.2 - -{rest}"#
        )
    };
    let fields = "user_agent,host_header,source_region";
    let last = s3(r#""S3""#, " us-east-1");
    is("s3", fields, &last, &["S3", "bkt.example", "us-east-1"]);
    let quoted = [
        s3(r#""S3 "quoted" agent""#, ""),
        s3(r#""S3" agent""#, " us-east-1"),
        s3(r#""S3" "agent""#, " us-east-1"),
    ];
    is_not("s3", "host_header", &quoted.each_ref().map(String::as_str));
}

#[test]
fn wrappers_come_off() {
    for (wrapper, line, inner) in [
        (
            "docker",
            r#"{"log":"a=\"b\"\r\n","stream":"stdout","time":"x"}"#,
            "a=\"b\"",
        ),
        ("journald", r#"{"MESSAGE":"a=1","_PID":"7"}"#, "a=1"),
        ("cri", "2016-10-06T00:17:09.669794202Z stdout F a=1", "a=1"),
        ("syslog", "Oct 11 22:14:15 host app[12]: a=1", "a=1"),
        ("docker", "  ", ""),
    ] {
        let mut unwrap = Unwrap::new(wrapper).unwrap();
        let line = unwrap.line(line.as_bytes()).unwrap();
        assert_eq!(String::from_utf8_lossy(line), inner, "{wrapper}");
    }
    let mut cri = Unwrap::new("cri").unwrap();
    let part = |stream, tag, text| format!("2016-10-06T00:17:09.66Z {stream} {tag} {text}");
    let (first, last) = (part("stdout", "P", "a="), part("stdout", "F", "1"));
    let whole = format!("{first}\n{last}");
    assert_eq!(cri.line(whole.as_bytes()), Ok(&b"a=1"[..]));
    assert_eq!(cri.line(b"no prefix"), Ok(&b"no prefix"[..]));
    let between = part("stderr", "F", "b=1");
    for bad in [
        first.clone(),
        format!("{first}\n{first}"),
        format!("{first}\n{between}\n{last}"),
        format!("{first}\nno prefix\n{last}"),
    ] {
        assert!(cri.line(bad.as_bytes()).is_err(), "{bad}");
    }
    for line in ["x", "{}", r#"{"log":null}"#] {
        assert!(
            Unwrap::new("docker")
                .unwrap()
                .line(line.as_bytes())
                .is_err()
        );
    }
    assert!(Unwrap::new("x").is_err());
    // Journald writes a message so that is no UTF-8 or has control characters.
    let bytes = br#"{"MESSAGE": [27,91,97],"_PID":"7"}"#;
    let mut journald = Unwrap::new("journald").unwrap();
    assert_eq!(journald.line(bytes).unwrap(), b"\x1b[a");
    for (list, expected) in [
        (r#"{"MESSAGE":[ 255 , 10 ]}"#, Some(&b"\xFF"[..])),
        (r#"{"MESSAGE":[]}"#, Some(b"")),
        (r#"{"MESSAGE":[256]}"#, None),
        (r#"{"MESSAGE":[-1]}"#, None),
        (r#"{"MESSAGE":["a","b"]}"#, None),
        (r#"{"MESSAGE":[[1]]}"#, None),
    ] {
        let line = journald.line(list.as_bytes());
        assert_eq!(line.ok(), expected, "{list}");
    }
    let text = br#"{"MESSAGE":"[27,91,97]"}"#;
    assert_eq!(journald.line(text).unwrap(), b"[27,91,97]");
}

#[test]
fn parts_of_dockers_lines_are_put_together() {
    let mut docker = Unwrap::new("docker").unwrap();
    let long = "é".repeat(8 << 10);
    let part = |stream, text: &str| format!(r#"{{"log":"{text}","stream":"{stream}","time":"t"}}"#);
    let (first, last) = (part("stdout", &long), part("stdout", r"a\r\n"));
    let whole = format!("{first}\n{first}\n{last}");
    let line = docker.line(whole.as_bytes()).unwrap();
    assert_eq!(String::from_utf8_lossy(line), format!("{long}{long}a"));
    let between = part("stderr", r"b\n");
    for bad in [
        first.clone(),
        format!("{first}\n{first}"),
        format!("{first}\n{between}\n{last}"),
        format!("{first}\n{{}}\n{last}"),
    ] {
        assert!(docker.line(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn options_that_cannot_work_are_refused() {
    for (parse, columns, field, why) in [
        ("xml", "", "a", "no such format"),
        ("csv", "b", "a", "is not a field"),
        ("json", "a", "a", "has names of its own"),
        ("regex:(", "", "a", "not a regular expression"),
        ("regex:(?P<b>.)", "", "a", "is not a field"),
        ("alb", "", "host", "is not a field of alb"),
        ("syslog", "", "level", "is not a field of syslog"),
        ("combined", "", "vhost", "is not a field of combined"),
        ("regex:(.)(?P<b>.)(.)", "", "a", "(fields are b)"),
        ("apache:%h%u", "", "host", "nothing between %h and %u"),
    ] {
        let mut names = Names::default();
        names.field("", field).unwrap();
        let error = maker(&options(parse, columns), &names).err().unwrap();
        assert!(error.0.contains(why), "{parse}: {error}");
        let others = ["--line-format", "(fields are ,", ", ,", ", )"];
        assert!(
            !others.iter().any(|other| error.0.contains(other)),
            "{error}"
        );
    }
}

proptest! {
    #[test]
    fn hostile_lines_are_refused_not_fatal(
        line in prop::collection::vec(prop_oneof![
            4 => prop::sample::select(&b" \t\"\\[]{}=,-:/a1<>+"[..]), 1 => any::<u8>()
        ], 0..80),
    ) {
        for (parse, columns, fields) in [
            ("logfmt", "", "a,1"),
            ("csv", "a,b", "a,b"),
            ("tsv", "a,b", "a,b"),
            ("csv", "", "a,b"),
            ("w3c", "", "a,datetime"),
            ("alb", "", "client,url,method,protocol"),
            ("squid", "", "result,status"),
            ("haproxy", "", "url"),
            ("syslog", "", "message"),
            ("access-log", "", "time,path,agent"),
        ] {
            let _ = read(parse, columns, fields, &line);
        }
        for wrapper in ["docker", "journald", "cri", "syslog"] {
            let _ = Unwrap::new(wrapper).unwrap().line(&line);
        }
    }
}
