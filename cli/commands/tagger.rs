//! `gristmill tagger`: training and measuring models for `pos`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};
use gristmill_tagger::conllu::{Sentence, parse, read_maybe_gzip};
use gristmill_tagger::train::{Inputs, Options, Progress, lemmas, train};
use gristmill_tagger::{Model, eval};

use crate::exit::{Exit, usage};
use crate::stdout;

/// The largest file that is read for training, decompressed.
const LARGEST: u64 = 2 << 30;

/// What to do with a model.
#[derive(Subcommand, Debug)]
pub enum TaggerCommand {
    /// Train a model on CoNLL-U files
    Train(TrainArgs),
    /// Measure a model on a CoNLL-U file: tags of its tokens, and of its raw text
    Eval(EvalArgs),
}

/// Options of `tagger train`.
#[derive(Args, Debug)]
#[command(
    after_help = "Any language with a Universal Dependencies treebank. Learnt from it: where tokens, words and
sentences end in raw text (from SpaceAfter=No and range lines such as `3-4 du`), the treebank's own
tags (XPOS, at most 2,000) and the universal ones (UPOS), lemmas. Where XPOS is `_`, UPOS alone.

The same seed, files and binary give the same model, bit for bit.

Examples:
  gristmill tagger train --train fr_sequoia-ud-train.conllu --dev fr_sequoia-ud-dev.conllu -o fr.model
  gristmill tagger eval fr.model fr_sequoia-ud-test.conllu
  gristmill run pos --model fr.model --lemmas --format conllu texte.txt -o -

  # English, with the tokenizer that is built in
  gristmill tagger train --english-rules --train en_ewt-ud-train.conllu.gz -o en.model"
)]
pub struct TrainArgs {
    /// Hand-tagged sentences (CoNLL-U, plain or gzipped)
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub train: Vec<PathBuf>,
    /// Sentences to print each epoch's accuracy on; training does not depend on them
    #[arg(long, value_name = "FILE")]
    pub dev: Option<PathBuf>,
    /// Machine-tagged text that helps: its tokens, one sentence a line
    #[arg(long, value_name = "FILE", requires = "silver_tags", num_args = 1..)]
    pub silver_tokens: Vec<PathBuf>,
    /// And its tags (XPOS, or UPOS where that is what the model finds first), line for line, of
    /// several files in the same order; a tag may be up to three with their per cent, as
    /// NN|81|JJ|17
    #[arg(long, value_name = "FILE", requires = "silver_tokens", num_args = 1..)]
    pub silver_tags: Vec<PathBuf>,
    /// The machine's tags follow another style: give its text weights of its own beside the shared
    /// ones
    #[arg(long, requires = "silver_tokens")]
    pub silver_apart: bool,
    /// Split raw text by the built-in English rules instead of learning it from the treebank
    #[arg(long)]
    pub english_rules: bool,
    /// Learn no lemmas
    #[arg(long)]
    pub no_lemmas: bool,
    /// Learn lemmas and nothing else: the file that stands beside the built-in model
    #[arg(long, conflicts_with_all = ["dev", "silver_tokens", "clusters", "no_lemmas"])]
    pub only_lemmas: bool,
    /// Brown clusters: word TAB number, one word a line
    #[arg(long, value_name = "FILE")]
    pub clusters: Option<PathBuf>,
    /// Text file that says what the model was trained on; it becomes part of the model
    #[arg(long, value_name = "FILE")]
    pub sources: Option<PathBuf>,
    /// Text file with licences and attributions; it becomes part of the model
    #[arg(long, value_name = "FILE")]
    pub notice: Option<PathBuf>,
    /// Where the model goes
    #[arg(short, long, value_name = "MODEL")]
    pub output: PathBuf,
    /// Replace MODEL if it exists
    #[arg(long)]
    pub force: bool,
    /// Seed of shuffling and dropout
    #[arg(long, default_value_t = Options::default().seed)]
    pub seed: u64,
    /// Most megabytes of the model: weights that matter least to the training text are left out
    #[arg(long, value_name = "MB", default_value_t = Options::default().size / 1_000_000)]
    pub size: usize,
    /// Passes over the text
    #[arg(long, default_value_t = Options::default().epochs)]
    pub epochs: usize,
    /// Share of features left out at each step: more of it suits more machine-tagged text
    #[arg(long, value_name = "SHARE", default_value_t = Options::default().dropout)]
    pub dropout: f32,
}

/// Options of `tagger eval`.
#[derive(Args, Debug)]
#[command(
    after_help = "First with the file's own words, then from its raw text: what `pos` would write is compared word
for word, as the CoNLL 2018 shared task does (F1; a lemma counts as right where the file has none).

Examples:
  gristmill tagger eval embedded en_ewt-ud-dev.conllu.gz
  gristmill tagger eval fr.model fr_sequoia-ud-test.conllu --confusions 30"
)]
pub struct EvalArgs {
    /// A model, or `embedded` for the one that is built in
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    /// Hand-tagged sentences (CoNLL-U, plain or gzipped); their raw text is made from SpaceAfter=No
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How many of the commonest confusions to print
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub confusions: usize,
}

/// Runs the command.
///
/// # Errors
/// When a file cannot be read or written, or is not what it should be.
pub fn tagger(command: &TaggerCommand) -> anyhow::Result<Exit> {
    match command {
        TaggerCommand::Train(args) => run_train(args),
        TaggerCommand::Eval(args) => run_eval(args),
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    read_maybe_gzip(file, LARGEST).with_context(|| path.display().to_string())
}

fn text(path: &Path) -> anyhow::Result<String> {
    String::from_utf8(read(path)?).with_context(|| format!("{}: not UTF-8", path.display()))
}

fn optional(path: Option<&PathBuf>) -> anyhow::Result<String> {
    path.map_or(Ok(String::new()), |path| text(path))
}

/// The files one after the other; None without any.
fn texts(paths: &[PathBuf]) -> anyhow::Result<Option<String>> {
    let mut out = String::new();
    for path in paths {
        out.push_str(&text(path)?);
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
    }
    Ok((!paths.is_empty()).then_some(out))
}

fn sentences(path: &Path) -> anyhow::Result<Vec<Sentence>> {
    parse(&read(path)?).with_context(|| path.display().to_string())
}

fn run_train(args: &TrainArgs) -> anyhow::Result<Exit> {
    if args.epochs == 0 {
        return Err(usage("--epochs 0: at least 1"));
    }
    if !(0.0..1.0).contains(&args.dropout) {
        return Err(usage("--dropout: from 0 to less than 1"));
    }
    if args.output.exists() && !args.force {
        return Err(usage(format!(
            "{} exists; --force replaces it",
            args.output.display()
        )));
    }
    let mut gold = Vec::new();
    for path in &args.train {
        gold.extend(sentences(path)?);
    }
    if args.only_lemmas {
        return write_model(&args.output, &lemmas(&gold)?);
    }
    let dev = args.dev.as_deref().map_or(Ok(Vec::new()), sentences)?;
    let (tokens, tags) = (texts(&args.silver_tokens)?, texts(&args.silver_tags)?);
    let silver = tokens.as_deref().zip(tags.as_deref());
    let clusters = optional(args.clusters.as_ref())?;
    let (sources, notice) = (
        optional(args.sources.as_ref())?,
        optional(args.notice.as_ref())?,
    );
    let inputs = Inputs {
        gold: &gold,
        dev: &dev,
        silver,
        clusters: &clusters,
        sources: &sources,
        notice: &notice,
    };
    let options = Options {
        seed: args.seed,
        epochs: args.epochs,
        dropout: args.dropout,
        size: args.size.saturating_mul(1_000_000),
        apart: args.silver_apart,
        english_rules: args.english_rules,
        lemmas: !args.no_lemmas,
        ..Options::default()
    };
    let mut out = std::io::stderr().lock();
    let model = train(&options, &inputs, &mut |progress| {
        // Where stderr is closed, training goes on all the same.
        let _ = writeln!(out, "{}", line(&progress));
    })?;
    drop(out);
    write_model(&args.output, &model)
}

fn write_model(path: &Path, model: &[u8]) -> anyhow::Result<Exit> {
    std::fs::write(path, model).with_context(|| path.display().to_string())?;
    let _ = writeln!(
        std::io::stderr(),
        "{}: {} bytes",
        path.display(),
        model.len()
    );
    Ok(Exit::Complete)
}

fn line(progress: &Progress) -> String {
    match progress {
        Progress::Features { tokens, rows } => format!("{tokens} tokens, {rows} rows of weights"),
        Progress::Splitting => "learning where tokens and sentences end".to_owned(),
        Progress::Epoch { epoch, train, dev } => {
            let dev = dev.as_ref().map_or(String::new(), |report| {
                format!(
                    ", dev XPOS {:.2} UPOS {:.2}, unknown words {:.2}",
                    report.xpos.percent(),
                    report.upos.percent(),
                    report.unknown.percent()
                )
            });
            format!("epoch {epoch}: {:.2} right in training{dev}", train * 100.0)
        }
    }
}

fn run_eval(args: &EvalArgs) -> anyhow::Result<Exit> {
    let model = if args.model == Path::new("embedded") {
        Model::embedded()
    } else {
        let file = File::open(&args.model).with_context(|| args.model.display().to_string())?;
        Arc::new(Model::load(file).with_context(|| args.model.display().to_string())?)
    };
    let gold = sentences(&args.file)?;
    let report = eval::tokenized(&model, &gold);
    let lemmas = report.lemmas.all > 0;
    let mut out = Vec::new();
    for (what, ratio) in [
        ("XPOS", report.xpos),
        ("UPOS", report.upos),
        ("tags of unknown words", report.unknown),
        ("whole sentences", report.sentences),
        ("lemmas", report.lemmas),
    ] {
        if ratio.all > 0 {
            writeln!(
                out,
                "{what:24} {:6.2} %  {} of {}",
                ratio.percent(),
                ratio.right,
                ratio.all
            )?;
        }
    }
    let raw = eval::raw_text(&model, &gold);
    writeln!(out, "from raw text (F1 as in the CoNLL 2018 shared task)")?;
    for (what, f1) in [
        ("tokens", raw.tokens),
        ("words", raw.words),
        ("sentences", raw.sentences),
        ("XPOS", raw.xpos),
        ("UPOS", raw.upos),
        ("lemmas", raw.lemmas),
    ] {
        if what != "lemmas" || lemmas {
            writeln!(out, "  {what:22} {:6.2} %", f1.percent())?;
        }
    }
    if args.confusions > 0 {
        writeln!(out, "commonest confusions (gold, given, times)")?;
    }
    for (gold, given, times) in report.confusions.iter().take(args.confusions) {
        writeln!(out, "  {gold:5} {given:5} {times:6}")?;
    }
    stdout::print(&out)?;
    Ok(Exit::Complete)
}
