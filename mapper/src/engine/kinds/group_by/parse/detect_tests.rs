//! Formats told by their lines.

use super::detect::detect;

fn of(text: &str) -> Option<&'static str> {
    detect(None, text.as_bytes(), true)
}

#[test]
fn formats_are_told_by_their_lines() {
    let alb = r#"https 2018-07-02T22:23:00.186641Z app/my-lb/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 201 0 57 "GET https://www.example.com:443/a b HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:tg "Root=1-58337281" "www.example.com" "arn:aws:cert" 1 2018-07-02T22:22:48.364000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-""#;
    let elb = r#"2015-05-13T23:39:43.945958Z my-lb 192.168.131.39:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.38.0" - -"#;
    let s3 = r#"79a59df900b949e5 amzn-s3-demo [06/Feb/2019:00:00:38 +0000] 192.0.2.3 79a59df900b949e5 3E57427F3EXAMPLE REST.GET.VERSIONING - "GET /amzn-s3-demo?versioning HTTP/1.1" 200 - 113 - 7 - "-" "S3Console/0.4" - s9lzHYrFp76ZVxRcpX9= SigV4 ECDHE AuthHeader host TLSV1.2 - -"#;
    let haproxy = r#"Feb  6 12:14:14 localhost haproxy[14389]: 10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1""#;
    let traefik = r#"192.0.2.1 - bob [10/Oct/2024:13:55:36 +0000] "GET /x HTTP/1.1" 200 12 "-" "curl" 7 "web@docker" "http://10.0.0.2:80" 3ms"#;
    let combined =
        r#"192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /a?b=c HTTP/1.1" 404 - "-" "x""#;
    let squid = "1066037222.011   126389 10.0.0.5 TCP_MISS/404 1200 GET http://a.example/ - DIRECT/192.0.2.1 text/html";
    let syslog = "Oct 11 22:14:15 mymachine su[12]: 'su root' failed: a=1, b=2";
    for (text, expected) in [
        ("{\"a\":1}\n[1,2]\n", Some("json")),
        ("{\"a\":1}\n{\"a\":1}\nat Foo.bar(Foo.java)\n", Some("json")),
        (alb, Some("alb")),
        (elb, Some("elb")),
        (s3, Some("s3")),
        (haproxy, Some("haproxy")),
        (traefik, Some("traefik")),
        (combined, Some("access-log")),
        (squid, Some("squid")),
        (syslog, Some("syslog")),
        (
            "<165>1 2003-10-11T22:14:15.003Z host app - ID47 - hello\n",
            Some("syslog"),
        ),
        ("ts=1 level=info msg=\"a b c d\" debug\n", Some("logfmt")),
        (
            "#Software: x\r\n#Fields: date time\r\n2025-03-03 10:00:01\r\n",
            Some("w3c"),
        ),
        ("\u{FEFF}day,name\n2025,\"a\nb,\"\n2026,c\n", Some("csv")),
        (",day\n0,1\n1,2\n", Some("csv")),
        ("\"Amount, 2024\",name\n1,x\n2,y\n", Some("csv")),
        ("a\tb,c\n1\t2\n", Some("tsv")),
        ("größe,b\n1,2\n", Some("csv")),
        // No header, no rows, no second column, or no such thing.
        ("2025-03-03,1\n2025-03-04,2\n", None),
        ("a,b\n", None),
        ("a\n1\n", None),
        ("a,a\n1,2\n", None),
        (
            "Hello, world\nthis is prose\nwith = signs, and commas\n",
            None,
        ),
        ("10:00:01,123 INFO a\n10:00:01,124 INFO b\n", None),
        ("<html>\n<a b=c>\n</html>\n", None),
        (
            "one two three four five six seven eight nine ten\n\
             a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d\n",
            None,
        ),
        ("2025-03-03T10:00:00Z ERROR app: x\n", None),
        ("2025-03-03T10:00:00Z [main] app: x\n", None),
        ("2025-03-03T10:00:00Z app: x=1 b c d\n", Some("syslog")),
        ("Mar  3 10:00:00 app[1]: addr=10.0.0.1:80\n", Some("syslog")),
        ("", None),
    ] {
        assert_eq!(of(text), expected, "{text}");
    }
    for tabs in ["a:b\tc:d\n1\t2\n", "a:b\tc\n1:x\t2:y\n"] {
        assert_eq!(of(tabs), Some("tsv"), "{tabs}");
    }
    // The rest of a record that is cut off does not count.
    assert_eq!(detect(None, b"a,b\n1,2\n3", false), Some("csv"));
    assert_eq!(detect(None, b"{\"a\":1}\n{\"a", false), Some("json"));
    let docker = br#"{"log":"level=info took=1\n","stream":"stdout"}"#;
    assert_eq!(detect(Some("docker"), docker, true), Some("logfmt"));
}

#[test]
fn logs_of_other_services_are_not_taken_for_known_ones() {
    let tcp = r#"2015-05-13T23:39:43.945958Z my-lb 192.168.131.39:2817 10.0.0.1:80 0.001069 0.000028 0.000041 - - 82 305 "- - - " "-" - -"#;
    assert_eq!(of(tcp), Some("elb"));
    let flow = "2 123456789010 eni-1235b8ca 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK\n";
    let header = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n";
    let nlb = "tls 2.0 2018-12-20T02:59:40 net/my-nlb/c6e77e28c25b2234 g3d4b5e8bb8464cd 72.21.218.154:51341 172.100.100.185:443 5 2 98 246 - arn:aws:acm:x - ECDHE-RSA-AES128-SHA tlsv12 - my-nlb.com - - - 2018-12-20T02:59:30\n";
    let envoy = r#"[2025-03-03T10:00:00.123Z] "GET /x HTTP/1.1" 200 - 0 1234 5 4 "10.0.0.1" "curl/8" "req-id" "host:80" "10.0.0.2:80""#;
    let matrix: String = (0..12 * 30)
        .map(|number| format!("{number}{}", if number % 12 == 11 { "\n" } else { " " }))
        .collect();
    let squid = "12.5 1 10.0.0.5 TCP_MISS/404 1200 GET http://a.example/ - DIRECT/192.0.2.1 x";
    let flows = format!("{header}{flow}{flow}{flow}");
    for text in [&flows, flow, nlb, envoy, &matrix, squid] {
        assert_eq!(of(text), None, "{text}");
    }
}

#[test]
fn labelled_values_are_no_columns_with_a_header() {
    let text = "time:2025-03-03T10:00:00Z\thost:1.2.3.4\tua:a, b\n".repeat(3);
    assert_eq!(of(&text), Some("ltsv"));
    for text in ["a:b\tc:d\n1\t2\n3\t4\n", "key: value\nother: value\n", ""] {
        assert_ne!(of(text), Some("ltsv"), "{text}");
    }
}

#[test]
fn other_delimiters_are_told_by_a_header_without_blanks_beside_them() {
    let semicolons = "\u{FEFF}country;amount;note\nDE;1,5;\"a;b\"\nFR;2;x, y\n";
    assert_eq!(of(semicolons), Some("csv:;"));
    assert_eq!(of("a|b\n1|2\n3|4\n"), Some("csv:|"));
    for text in [
        "a | b\n1 | 2\n3 | 4\n",
        "| a | b |\n|---|---|\n| 1 | 2 |\n",
        "It was dark; and late\nIt was bright; and early\n",
        "let a = 1;\nlet b = 2;\n",
        "a;b\n",
    ] {
        assert_eq!(of(text), None, "{text}");
    }
}

#[test]
fn a_list_in_one_line_is_no_record() {
    assert_eq!(of("[{\"k\":1},{\"k\":2}]\n"), None);
    assert_eq!(of("{\"k\":[1,2]}\n"), Some("json"));
}
