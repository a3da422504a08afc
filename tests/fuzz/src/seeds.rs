//! What each target starts from.

mod archives;
mod messages;

use gristmill_tagger::conllu;
use gristmill_tagger::train::{Inputs, Options, train};

const TEXTS: [&str; 2] = [
    "Don't panic: it's 3.5 % of http://example.org/a?b, she said (twice).\n\nDr. Who's 1,000-2,000 :-)",
    "\u{feff}“Quoted” — naïve…\r\n\tU.S.A. e-mail: a.b@c.de 12:30 p.m. 'tis gonna cannot",
];

/// Records, each after the number of its format in `records.rs`.
const RECORDS: [(u8, &str); 15] = [
    (
        1,
        "{\"a\":{\"b\":[1,\"\\u00e9\",null]},\"c\":-1.5e3}\n{\"a\":\"x\\n\"}\n",
    ),
    (
        2,
        "ts=2025-03-03T10:00:01Z level=info msg=\"a \\\"b\\\" \\u003c\" debug took=0.25\n",
    ),
    (
        3,
        "day,\"na\"\"me\",amount\n2025-03-03,\"Doe,\nAnn\",19.90\n2025-03-04,Bob,\n",
    ),
    (4, "a\tb\n1\t\"x\ty\"\n"),
    (
        5,
        "#Fields: date time cs-uri-stem\r\n2025-03-03 10:00:01 /a\r\n#Fields: a\r\nx\r\n",
    ),
    (
        7,
        "192.0.2.1 - - [17/May/2015:10:05:03 +0000] \"GET /a?b=c HTTP/1.1\" 404 - \"-\" \"x\"\n",
    ),
    (
        10,
        "https 2018-07-02T22:23:00.1Z app/lb/5 192.0.2.1:2817 10.0.0.1:80 0.1 0.0 0.0 200 201 0 57 \"GET https://e:443/a b HTTP/1.1\" \"curl\" E T arn \"R\" \"d\" \"c\" 1 2018-07-02T22:22:48Z \"f\" \"-\" \"-\" \"10.0.0.1:80\" \"200\" \"-\" \"-\"\n",
    ),
    (
        12,
        "7 b [06/Feb/2019:00:00:38 +0000] 192.0.2.3 7 3E5 REST.GET - \"GET /a HTTP/1.1\" 200 - 113 - 7 - \"-\" \"S3\" -\n",
    ),
    (
        13,
        "Feb  6 12:14:14 h haproxy[1]: 10.0.1.2:33317 [06/Feb/2009:12:14:14.655] in static/s1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {e} {} \"GET / HTTP/1.1\"\n",
    ),
    (
        14,
        "1066037222.011   126389 10.0.0.5 TCP_MISS/404 1200 GET http://a.example/ - DIRECT/192.0.2.1 text/html\n",
    ),
    (
        16,
        "<165>1 2003-10-11T22:14:15.003Z host app - ID47 [a@1 x=\"]y\"] hello\nOct 11 22:14:15 h su[12]: x\n",
    ),
    (17, "{\"log\":\"{\\\"a\\\":1}\\n\",\"stream\":\"stdout\"}\n"),
    (18, "{\"MESSAGE\":[97,61,49]}\n{\"MESSAGE\":\"b=2\"}\n"),
    (21, "time:2025-03-03T10:00:01Z\thost:192.0.2.1\treq:a:b\n"),
    (22, "a;b\n1;\"x;y\"\n"),
];

/// The seeds, each beside the name of its target.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    let mut all = vec![("model", model())];
    all.extend(
        archives::all()
            .into_iter()
            .map(|archive| ("archive", archive)),
    );
    all.extend(messages::all().into_iter().map(|message| ("wire", message)));
    all.extend(TEXTS.map(|text| ("text", text.as_bytes().to_vec())));
    for (way, text) in RECORDS {
        all.push(("records", [&[way], text.as_bytes()].concat()));
        // The same, to be told by the text.
        all.push(("records", [&[0], text.as_bytes()].concat()));
    }
    all
}

/// A model of two sentences.
fn model() -> Vec<u8> {
    let line = |number: usize, word: &str, upos: &str, xpos: &str| {
        format!("{number}\t{word}\t{word}\t{upos}\t{xpos}\t_\t0\t_\t_\t_\n")
    };
    let sentence = [
        line(1, "dogs", "NOUN", "NNS"),
        line(2, "run", "VERB", "VBP"),
        line(3, ".", "PUNCT", "."),
        "\n".to_owned(),
    ];
    let gold = conllu::parse(sentence.concat().repeat(8).as_bytes()).expect("well-formed");
    let options = Options {
        epochs: 2,
        folds: 2,
        min_all: 2,
        ..Options::default()
    };
    let inputs = Inputs {
        gold: &gold,
        clusters: "dogs\t12\nrun\t7\n",
        ..Inputs::default()
    };
    train(&options, &inputs, &mut |_| {}).expect("trains")
}
