//! Lemmas by rules learnt from a treebank: how a form is changed, by how it ends, how it is written
//! and which tags it has; forms that no rule fits are listed. Must not know of sentences.

pub(crate) mod rule;

use std::borrow::Cow;
use std::collections::HashMap;

use crate::hash;
use crate::model::table::row_key;
use rule::Rule;

/// Longest ending looked at, in characters.
pub(crate) const ENDING: usize = 7;

/// All that is known of lemmas, as plain data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LemmaParts {
    pub rules: Vec<Rule>,
    /// Keys of endings ([`ending_key`]), strictly increasing, each with its rule.
    pub endings: Vec<(u32, u16)>,
    /// Keys of forms ([`form_key`]), strictly increasing, each with its rule.
    pub forms: Vec<(u32, u16)>,
}

/// The same, at run time.
#[derive(Debug)]
pub(crate) struct Lemmas {
    rules: Vec<Rule>,
    endings: HashMap<u32, u16>,
    forms: HashMap<u32, u16>,
}

/// How capitals stand in a form: none, the first letter only, all, otherwise.
pub(crate) fn capitals(form: &str) -> u8 {
    let mut letters = form.chars().filter(|c| c.is_alphabetic());
    let Some(first) = letters.next() else {
        return 3;
    };
    let rest: Vec<bool> = letters.map(char::is_uppercase).collect();
    let upper = rest.iter().filter(|upper| **upper).count();
    match (first.is_uppercase(), upper) {
        (false, 0) => 0,
        (true, 0) => 1,
        (true, _) if upper == rest.len() => 2,
        _ => 3,
    }
}

/// Key of both tags, or of the universal one alone.
pub(crate) fn tag_key(upos: &str, xpos: Option<&str>) -> u64 {
    let xpos = xpos.map_or(1, |xpos| hash::bytes(xpos.as_bytes()));
    hash::key2(201, hash::bytes(upos.as_bytes()), xpos)
}

/// Key of an ending (small letters) of a form with these capitals and tags.
pub(crate) fn ending_key(tags: u64, capitals: u8, ending: &str) -> u32 {
    let ending = hash::bytes(ending.as_bytes());
    row_key(hash::key3(202, tags, u64::from(capitals), ending))
}

/// Key of a whole form with these tags.
pub(crate) fn form_key(tags: u64, form: &str) -> u32 {
    row_key(hash::key2(203, tags, hash::bytes(form.as_bytes())))
}

/// Calls `visit` with the endings of a form in small letters, the longest first, the empty one
/// last, until it returns something.
pub(crate) fn find_ending<T>(lower: &str, mut visit: impl FnMut(&str) -> Option<T>) -> Option<T> {
    let mut places = [lower.len(); ENDING + 1];
    let mut count = 1;
    for (at, _) in lower.char_indices().rev().take(ENDING) {
        places[count] = at;
        count += 1;
    }
    places[..count]
        .iter()
        .rev()
        .find_map(|at| visit(&lower[*at..]))
}

impl Lemmas {
    pub(crate) fn new(parts: LemmaParts) -> Self {
        Self {
            rules: parts.rules,
            endings: parts.endings.into_iter().collect(),
            forms: parts.forms.into_iter().collect(),
        }
    }

    /// The lemma of a form with these tags.
    pub(crate) fn lemma<'a>(&self, form: &'a str, upos: &str, xpos: &str) -> Cow<'a, str> {
        let full = tag_key(upos, Some(xpos));
        if let Some(lemma) = self.listed(full, form, form) {
            return lemma;
        }
        let lower = form.to_lowercase();
        let capitals = capitals(form);
        if let Some((rule, lemma)) =
            self.by_ending([full, tag_key(upos, None)], capitals, form, &lower)
        {
            // `Was` is seldom seen: where its capital goes, what is listed of `was` holds.
            let of_lower = || self.listed(full, &lower, &lower);
            return match (rule.lowers() && lower != form).then(of_lower).flatten() {
                Some(lemma) => Cow::Owned(lemma.into_owned()),
                None => lemma,
            };
        }
        if lower == form {
            return Cow::Borrowed(form);
        }
        // Never seen with these tags and capitals.
        let found = self.listed(full, &lower, &lower).or_else(|| {
            let tags = [full, tag_key(upos, None)];
            let found = self.by_ending(tags, self::capitals(&lower), &lower, &lower);
            found.map(|(_, lemma)| lemma)
        });
        match found {
            Some(lemma) => Cow::Owned(lemma.into_owned()),
            None => Cow::Borrowed(form),
        }
    }

    /// What the longest known ending says, by both tags or by the universal one alone.
    fn by_ending<'a>(
        &self,
        tags: [u64; 2],
        capitals: u8,
        form: &'a str,
        lower: &str,
    ) -> Option<(&Rule, Cow<'a, str>)> {
        tags.into_iter().find_map(|tags| {
            find_ending(lower, |ending| {
                let rule = self.endings.get(&ending_key(tags, capitals, ending))?;
                let rule = self.rules.get(usize::from(*rule))?;
                Some((rule, rule.apply(form)?))
            })
        })
    }

    fn listed<'a>(&self, tags: u64, key: &str, form: &'a str) -> Option<Cow<'a, str>> {
        let rule = self.forms.get(&form_key(tags, key))?;
        self.rules.get(usize::from(*rule))?.apply(form)
    }
}
