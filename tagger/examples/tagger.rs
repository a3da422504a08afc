//! Trains, measures and times the tagger: `train DATA MODEL [name=value…]` (DATA is the folder of
//! the shipped model's, or a CoNLL-U file), `eval MODEL FILE`, `speed MODEL FILE`.
#![allow(clippy::print_stdout)]

use std::fs::File;
use std::sync::Arc;
use std::time::Instant;

use gristmill_tagger::conllu::{Form, parse, push_sentence, read_maybe_gzip};
use gristmill_tagger::train::{Inputs, Options, Progress, lemmas, train};
use gristmill_tagger::{Model, Tag, Tagger, eval};

type Error = Box<dyn std::error::Error>;

fn read(path: &str) -> Result<Vec<u8>, Error> {
    Ok(read_maybe_gzip(
        File::open(path).map_err(|error| format!("{path}: {error}"))?,
        1 << 30,
    )?)
}

fn model(path: &str) -> Result<Arc<Model>, Error> {
    if path == "-" {
        Ok(Model::embedded())
    } else {
        Ok(Arc::new(Model::load(File::open(path)?)?))
    }
}

fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["lemmas", file, out] => Ok(std::fs::write(out, lemmas(&parse(&read(file)?)?)?)?),
        ["train", data, out, options @ ..] => run_train(data, out, options),
        ["eval", path, file] => run_eval(&model(path)?, file),
        ["speed", path, file] => run_speed(&model(path)?, file),
        _ => Err("train DATA|FILE MODEL [name=value…] | eval MODEL FILE | speed MODEL FILE".into()),
    }
}

fn run_train(data: &str, out: &str, options: &[&str]) -> Result<(), Error> {
    let mut chosen = Options::default();
    let mut silver = format!("{data}/pos/masc_silver");
    for option in options {
        let (name, value) = option.split_once('=').ok_or("name=value")?;
        match name {
            "seed" => chosen.seed = value.parse()?,
            "epochs" => chosen.epochs = value.parse()?,
            "average" => chosen.average = value.parse()?,
            "rate" => chosen.rate = value.parse()?,
            "dropout" => chosen.dropout = value.parse()?,
            "min_gold" => chosen.min_gold = value.parse()?,
            "min_all" => chosen.min_all = value.parse()?,
            "folds" => chosen.folds = value.parse()?,
            "step" => chosen.step = value.parse()?,
            "least" => chosen.least = value.parse()?,
            "dead" => chosen.dead = value.parse()?,
            "apart" => chosen.apart = value.parse()?,
            "english_rules" => chosen.english_rules = value.parse()?,
            "lemmas" => chosen.lemmas = value.parse()?,
            "size" => chosen.size = value.parse()?,
            "silver" => silver = value.to_owned(),
            _ => return Err(format!("no option {name}").into()),
        }
    }
    if !std::path::Path::new(data).is_dir() {
        return run_plain(data, out, &chosen);
    }
    let gold = parse(&read(&format!("{data}/ewt/en_ewt-ud-train.conllu.gz"))?)?;
    let dev = parse(&read(&format!("{data}/ewt/en_ewt-ud-dev.conllu.gz"))?)?;
    // Several texts by commas, of each NAME.tok.gz and NAME.tag.gz.
    let column = |kind: &str| -> Result<String, Error> {
        let read = |name| Ok(String::from_utf8(read(&format!("{name}.{kind}.gz"))?)?);
        silver.split(',').map(read).collect()
    };
    let (tokens, tags) = (column("tok")?, column("tag")?);
    let clusters = String::from_utf8(read(&format!("{data}/pos/brown_clusters.txt.gz"))?)?;
    let inputs = Inputs {
        gold: &gold,
        dev: &dev,
        silver: Some((tokens.as_str(), tags.as_str())),
        clusters: &clusters,
        sources: include_str!("../model/SOURCES.txt"),
        notice: include_str!("../model/NOTICE.txt"),
    };
    let start = Instant::now();
    let bytes = train(&chosen, &inputs, &mut |progress| match progress {
        Progress::Splitting => println!("learning to split"),
        Progress::Features { tokens, rows } => println!("{tokens} tokens, {rows} rows"),
        Progress::Epoch { epoch, train, dev } => {
            let dev = dev.map_or(String::new(), |r| {
                format!(
                    "dev XPOS {:.2} UPOS {:.2} unknown {:.2}",
                    r.xpos.percent(),
                    r.upos.percent(),
                    r.unknown.percent()
                )
            });
            println!(
                "epoch {epoch} after {:.0?}: train {:.2} {dev}",
                start.elapsed(),
                train * 100.0
            );
        }
    })?;
    println!("{} bytes", bytes.len());
    Ok(std::fs::write(out, bytes)?)
}

/// Trains on one treebank alone.
fn run_plain(file: &str, out: &str, options: &Options) -> Result<(), Error> {
    let gold = parse(&read(file)?)?;
    let inputs = Inputs {
        gold: &gold,
        ..Inputs::default()
    };
    let bytes = train(options, &inputs, &mut |_| {})?;
    println!("{} bytes", bytes.len());
    Ok(std::fs::write(out, bytes)?)
}

fn run_eval(model: &Arc<Model>, file: &str) -> Result<(), Error> {
    let sentences = parse(&read(file)?)?;
    let report = eval::tokenized(model, &sentences);
    println!(
        "XPOS {:.2}  UPOS {:.2}  unknown {:.2} ({} words)  sentences {:.2}",
        report.xpos.percent(),
        report.upos.percent(),
        report.unknown.percent(),
        report.unknown.all,
        report.sentences.percent()
    );
    let raw = eval::raw_text(model, &sentences);
    println!(
        "raw text F1: tokens {:.2}  words {:.2}  sentences {:.2}  XPOS {:.2}  UPOS {:.2}  lemmas {:.2} ({:.2} of gold tokens)",
        raw.tokens.percent(),
        raw.words.percent(),
        raw.sentences.percent(),
        raw.xpos.percent(),
        raw.upos.percent(),
        raw.lemmas.percent(),
        report.lemmas.percent()
    );
    for (gold, given, count) in report.confusions.iter().take(15) {
        println!("{count:5}  {gold} taken for {given}");
    }
    Ok(())
}

/// Seconds that this thread has spent on a processor, where the system says so: others' load is no
/// part of them.
fn spent(start: Instant) -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat
        .split(' ')
        .next()
        .and_then(|field| field.parse::<f64>().ok());
    nanos.map_or_else(|| start.elapsed().as_secs_f64(), |nanos| nanos / 1e9)
}

fn run_speed(model: &Arc<Model>, file: &str) -> Result<(), Error> {
    let sentences = parse(&read(file)?)?;
    let tokens: Vec<Vec<&str>> = sentences
        .iter()
        .map(|s| s.words.iter().map(|w| w.form.as_str()).collect())
        .collect();
    let count: usize = tokens.iter().map(Vec::len).sum();
    let start = Instant::now();
    for (name, mut tagger) in [
        ("Penn", Tagger::penn_only(Arc::clone(model))),
        ("both", Tagger::new(Arc::clone(model))),
    ] {
        let mut tags: Vec<Tag> = Vec::new();
        let mut best = f64::MAX;
        for _ in 0..5 {
            let before = spent(start);
            tokens
                .iter()
                .for_each(|sentence| tagger.tag_into(sentence, &mut tags));
            best = best.min(spent(start) - before);
        }
        println!(
            "{name} tags, tokenized: {:.0} tokens/s, best of 5",
            count as f64 / best
        );
        let text = eval::text_of(&sentences);
        let mut best = f64::MAX;
        let mut found = 0;
        for _ in 0..5 {
            found = 0;
            let before = spent(start);
            tagger.tag_text(&text, |tagged| found += tagged.tags.len());
            best = best.min(spent(start) - before);
        }
        println!(
            "{name} tags, raw text: {:.0} tokens/s, best of 5",
            f64::from(found as u32) / best
        );
    }
    let (mut tagger, text) = (Tagger::new(Arc::clone(model)), eval::text_of(&sentences));
    let (mut best, mut found, mut out) = (f64::MAX, 0, Vec::new());
    for _ in 0..5 {
        (found, out) = (0, Vec::new());
        let before = spent(start);
        tagger.tag_text(&text, |tagged| {
            found += tagged.tags.len();
            let forms: Vec<Form<'_>> = tagged.forms().collect();
            push_sentence(&mut out, model, |_| {}, &forms, tagged.tags, &[]);
        });
        best = best.min(spent(start) - before);
    }
    println!(
        "CoNLL-U from raw text: {:.0} tokens/s, best of 5, {} bytes",
        f64::from(found as u32) / best,
        out.len()
    );
    Ok(())
}
