//! Trains a model from CoNLL-U, silver text and Brown clusters. One thread; the same inputs,
//! options and program give the same bytes. Must not know of command lines or jobs.

mod classifier;
mod data;
mod export;
mod features;
mod fine;
mod fit;
mod index;
mod lemmas;
mod lexicon;
mod linear;
mod penn;
mod silver;
mod split;
mod tags;
mod universal;
mod value;

use crate::conllu::Sentence;
use crate::eval::{self, Report};
use crate::hash::Random;
use crate::model::parts::{ModelParts, SparseRows};
use crate::model::{MAX_FILE, Main, Model, encode_lemmas};
use crate::universal::looked_through;
use data::{Corpus, NO_TAG};
use lexicon::{build_lexicon, read_clusters};
use tags::TagSets;

/// How to train. [`Options::default`] with `english_rules`, without `lemmas`, with a `dropout` of
/// 0.6 and a `size` of 9 MB made the shipped model.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Seed of shuffling and dropout.
    pub seed: u64,
    /// Passes over the text, at least 1.
    pub epochs: usize,
    /// Over how many of the last epochs weights are averaged, at least 1.
    pub average: usize,
    /// AdaGrad's learning rate.
    pub rate: f32,
    /// Share of features left out at each step, 0 ≤ dropout < 1.
    pub dropout: f32,
    /// A feature is kept when it occurs this often in gold text …
    pub min_gold: u32,
    /// … or this often in all text.
    pub min_all: u32,
    /// Ambiguity classes in training come from the other folds; 1 would let the model see its own
    /// answers.
    pub folds: usize,
    /// Weight per unit of the stored 8-bit numbers.
    pub step: f32,
    /// Stored numbers up to this far from 0 become 0.
    pub dead: i32,
    /// Rows whose largest stored number is below this are dropped.
    pub least: i32,
    /// Whether machine-tagged text has weights of its own beside those shared with gold text: for
    /// text in another style of tags.
    pub apart: bool,
    /// Whether raw text is to be split by the built-in English rules; otherwise tokens, words and
    /// sentences are learnt from the treebank.
    pub english_rules: bool,
    /// Whether lemmas are learnt, if the treebank has any.
    pub lemmas: bool,
    /// Most bytes of the model: the rows without which the training text's tags would seem least
    /// different are left out.
    pub size: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            epochs: 5,
            average: 3,
            rate: 0.1,
            dropout: 0.5,
            min_gold: 2,
            min_all: 4,
            folds: 100,
            step: 0.04,
            dead: 2,
            least: 10,
            apart: false,
            english_rules: false,
            lemmas: true,
            size: 15_000_000,
        }
    }
}

/// What to train on.
#[derive(Clone, Debug, Default)]
pub struct Inputs<'a> {
    /// Hand-tagged sentences; they decide the tag set.
    pub gold: &'a [Sentence],
    /// Sentences to report accuracy on; training does not depend on them.
    pub dev: &'a [Sentence],
    /// Machine-tagged text: tokens and main tags, one sentence a line, both split on spaces. A tag
    /// may be up to three with their per cent: `NN|81|JJ|17`.
    pub silver: Option<(&'a str, &'a str)>,
    /// Brown clusters: word, TAB, number whose low bits are the path from the root, one word a
    /// line.
    pub clusters: &'a str,
    /// What the model was trained on, in words; stored in the model.
    pub sources: &'a str,
    /// Licences and attributions; stored in the model.
    pub notice: &'a str,
}

/// One line of progress.
#[derive(Clone, Debug)]
pub enum Progress {
    /// Features are counted: tokens, rows.
    Features {
        /// Tokens to train on.
        tokens: usize,
        /// Rows of weights.
        rows: usize,
    },
    /// Tokens, words and sentences are being learnt.
    Splitting,
    /// An epoch is over.
    Epoch {
        /// Number of the epoch, from 1.
        epoch: usize,
        /// Share of training tags guessed right on the way, features dropped.
        train: f64,
        /// On the development sentences, with the weights averaged so far; None without any.
        dev: Option<Box<Report>>,
    },
}

/// Why training could not start.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// There is no sentence to learn from.
    #[error("no training sentences")]
    Empty,
    /// More tags of its own than a model can hold.
    #[error("{0} different XPOS tags; a model holds at most 2,000")]
    TooManyTags(usize),
    /// UPOS are 17 tags.
    #[error("{0} different UPOS tags; a model holds at most 56, and there are 17")]
    TooManyUniversal(usize),
    /// The model is larger than a model file may be.
    #[error("the model takes {0} bytes, more than a model may have: a smaller --size may help")]
    TooLarge(usize),
    /// No word has a lemma.
    #[error("no word has a lemma")]
    NoLemmas,
    /// The silver files do not fit each other.
    #[error("silver text, line {0}: the numbers of tokens and tags differ")]
    Silver(usize),
    /// The model does not fit the size asked for.
    #[error("the model takes at least {0} bytes")]
    Size(usize),
    /// A machine-made tag is not written as it should be.
    #[error("silver tags, line {0}: a tag, or up to three with their per cent: NN|81|JJ|17")]
    Shares(usize),
    /// The model could not be written.
    #[error("cannot encode the model: {0}")]
    Io(#[from] std::io::Error),
}

/// Trains and returns the bytes of a model file.
///
/// # Errors
/// See [`TrainError`]. Options out of range are taken to the nearest sensible value.
pub fn train(
    options: &Options,
    inputs: &Inputs<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<u8>, TrainError> {
    let options = Options {
        epochs: options.epochs.max(1),
        average: options.average.clamp(1, options.epochs.max(1)),
        dropout: options.dropout.clamp(0.0, 0.95),
        step: options.step.max(1e-4),
        ..options.clone()
    };
    let tags = TagSets::new(inputs.gold)?;
    let mut gold = Gold::new(inputs.gold, &tags);
    if let Some((tokens, silver_tags)) = inputs.silver {
        silver::push(&mut gold.corpus, tokens, silver_tags, |tag| {
            id(tags.first(), tag)
        })?;
    }

    let clusters = read_clusters(inputs.clusters);
    let Gold {
        mut corpus,
        universal,
        allowed,
    } = gold;
    let counts = corpus.annotate(&clusters.paths, [3, 1], options.folds);
    let (lexicon, paths, classes) = build_lexicon(&clusters, &counts);
    let mut parts = ModelParts {
        main: tags.first().to_vec(),
        sources: inputs.sources.to_owned(),
        notice: inputs.notice.to_owned(),
        allowed,
        clusters: paths,
        classes,
        lexicon,
        ..ModelParts::default()
    };
    match tags.main {
        Main::Xpos => {
            let (skip, count) = (looked_through(&tags.xpos), tags.upos.len());
            parts.upos_rows =
                universal_rows(&corpus, &universal, &parts.allowed, count, skip, &options);
            parts.upos = tags.upos;
        }
        Main::Upos if tags.xpos.len() > 1 => {
            parts.fine = Some(fine::train(inputs.gold, &tags.xpos, &tags.upos, &options));
        }
        Main::Upos => {}
    }
    if !options.english_rules {
        progress(Progress::Splitting);
        parts.splitter = Some(split::train(inputs.gold, options.seed));
    }
    if options.lemmas {
        parts.lemmas = lemmas::train(inputs.gold);
    }
    let bytes = learn(&mut parts, &corpus, &options, inputs.dev, progress)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(TrainError::TooLarge(bytes.len()));
    }
    Ok(bytes)
}

/// Learns lemmas alone and returns the bytes of their file, as the built-in model has one beside
/// it.
///
/// # Errors
/// When no word of `gold` has a lemma.
pub fn lemmas(gold: &[Sentence]) -> Result<Vec<u8>, TrainError> {
    let parts = lemmas::train(gold).ok_or(TrainError::NoLemmas)?;
    Ok(encode_lemmas(&parts)?)
}

/// Learns the main tags and returns the encoded model.
fn learn(
    parts: &mut ModelParts,
    corpus: &Corpus,
    options: &Options,
    dev_sentences: &[Sentence],
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<u8>, TrainError> {
    let mut random = Random::new(options.seed);
    let mut learner = penn::Learner::new(corpus, parts.main.len(), options);
    progress(Progress::Features {
        tokens: corpus.gold.len(),
        rows: learner.sum.len() / learner.lanes,
    });
    let mut averaged = 0;
    for epoch in 1..=options.epochs {
        let (right, all) = learner.epoch(options, &mut random);
        if epoch + options.average > options.epochs {
            learner.remember();
            averaged += 1;
        }
        let mut dev = None;
        if averaged > 0 {
            parts.main_rows = fit::rows(&learner, options, averaged, |_| true);
            if !dev_sentences.is_empty() {
                let model = Model::from_parts(parts.clone(), 0).into();
                dev = Some(Box::new(eval::tokenized(&model, dev_sentences)));
            }
        }
        progress(Progress::Epoch {
            epoch,
            train: right as f64 / all.max(1) as f64,
            dev,
        });
    }
    fit::encode_within(parts, &learner, options, averaged)
}

/// Learns the universal tags and returns their rows.
fn universal_rows(
    corpus: &Corpus,
    gold: &[u8],
    allowed: &[u64],
    tags: usize,
    skip: u64,
    options: &Options,
) -> SparseRows {
    let learned = universal::train(corpus, gold, allowed, tags, skip, options);
    export::quantise(
        learned.keys.iter().map(|(key, row)| {
            let row = (row as usize - 1) * learned.lanes;
            (key, &learned.sum[row..][..learned.lanes])
        }),
        tags,
        options.step,
        options.least / 2,
        options.dead / 2,
    )
}

/// The number of a tag in its sorted set.
fn id(tags: &[String], tag: &str) -> u8 {
    tags.binary_search_by(|t| t.as_str().cmp(tag))
        .map_or(NO_TAG, |at| at as u8)
}

/// The annotated sentences as numbers.
struct Gold {
    corpus: Corpus,
    /// The universal tag of each token.
    universal: Vec<u8>,
    /// By main tag, the universal tags seen with it, a bit each.
    allowed: Vec<u64>,
}

impl Gold {
    fn new(sentences: &[Sentence], tags: &TagSets) -> Self {
        let main = |word: &crate::conllu::Word| id(tags.first(), tags.of(word));
        let mut corpus = Corpus::default();
        let mut universal = Vec::new();
        let mut allowed = vec![0; tags.first().len()];
        for sentence in sentences {
            let words = sentence.words.iter();
            corpus.push(words.map(|w| (w.form.as_str(), main(w))), 0);
            for word in &sentence.words {
                let tag = id(&tags.upos, &word.upos);
                universal.push(tag);
                allowed[usize::from(main(word))] |= 1 << tag;
            }
        }
        Self {
            corpus,
            universal,
            allowed,
        }
    }
}
