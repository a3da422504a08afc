//! Word boundaries beside bytes that are not UTF-8: such a byte is no character, so no word's.
//!
//! The regex crate's Unicode word boundaries never match there. So a text that is not UTF-8 is
//! searched run by run of what is, where each run begins and ends as a text does. Only `^` and `$`
//! could tell the difference: they are taken out for the runs that do not begin or end the record.

use grep_matcher::Matcher;
use grep_regex::{Error, RegexMatcher};
use regex_syntax::hir::{Hir, HirKind, Look};

/// Finds matches in the runs of UTF-8 of a record's text.
#[derive(Clone, Debug)]
pub(super) struct Runs {
    /// For runs that neither begin nor end the record, that begin it, that end it, that do both.
    /// One alone where the pattern has no anchors.
    matchers: Vec<RegexMatcher>,
    /// No match holds anything but UTF-8.
    utf8: bool,
}

impl Runs {
    /// For a pattern that was parsed to `hir`; `None` if whole records can be searched: it has no
    /// word boundary (`word` says that one is put around it), or anchors in records of several
    /// lines.
    pub(super) fn new(
        hir: &Hir,
        word: bool,
        lines: bool,
        build: impl Fn(&str) -> Result<RegexMatcher, Error>,
    ) -> Result<Option<Self>, Error> {
        let looks = hir.properties().look_set();
        let anchors = looks.iter().any(|look| is_start(look) || is_end(look));
        if !(word || looks.contains_word()) || anchors && !lines {
            return Ok(None);
        }
        let matchers = (0..if anchors { 4 } else { 1 })
            .map(|edges| {
                let (first, last) = (edges & 1 == 1, edges & 2 == 2);
                let fails = |look| is_start(look) && !first || is_end(look) && !last;
                build(
                    &if anchors {
                        without(hir, &fails)
                    } else {
                        hir.clone()
                    }
                    .to_string(),
                )
            })
            .collect::<Result<_, _>>()?;
        Ok(Some(Self {
            matchers,
            utf8: hir.properties().is_utf8(),
        }))
    }

    /// Whether all matches of a text are found in its runs.
    pub(super) fn are_all(&self) -> bool {
        self.utf8
    }

    /// Calls `each` with every match, until it returns false.
    pub(super) fn matches<'a>(&self, text: &'a [u8], mut each: impl FnMut(&'a [u8]) -> bool) {
        let (mut at, mut on) = (0, true);
        for chunk in text.utf8_chunks() {
            let run = &text[at..at + chunk.valid().len()];
            let (first, last) = (at == 0, at + run.len() == text.len());
            at += run.len() + chunk.invalid().len();
            let edges = usize::from(first) | usize::from(last) << 1;
            let matcher = &self.matchers[edges.min(self.matchers.len() - 1)];
            // The matcher's error type has no values.
            let _ = matcher.find_iter(run, |found| {
                on = each(&run[found]);
                on
            });
            if !on {
                return;
            }
        }
    }
}

fn is_start(look: Look) -> bool {
    matches!(look, Look::Start | Look::StartLF | Look::StartCRLF)
}

fn is_end(look: Look) -> bool {
    matches!(look, Look::End | Look::EndLF | Look::EndCRLF)
}

/// A pattern in which the assertions that `fails` names never hold.
fn without(hir: &Hir, fails: &impl Fn(Look) -> bool) -> Hir {
    let all = |parts: &[Hir]| parts.iter().map(|part| without(part, fails)).collect();
    match hir.kind() {
        HirKind::Look(look) if fails(*look) => Hir::fail(),
        HirKind::Repetition(repetition) => {
            let mut repetition = repetition.clone();
            repetition.sub = Box::new(without(&repetition.sub, fails));
            Hir::repetition(repetition)
        }
        HirKind::Capture(capture) => without(&capture.sub, fails),
        HirKind::Concat(parts) => Hir::concat(all(parts)),
        HirKind::Alternation(parts) => Hir::alternation(all(parts)),
        _ => hir.clone(),
    }
}
