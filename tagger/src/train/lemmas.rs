//! Learns lemmas: a rule per form and tags, generalised to endings, forms that the endings get
//! wrong listed. Must not know of sentences.

use std::collections::{BTreeMap, HashMap};

use crate::conllu::Sentence;
use crate::lemma::rule::Rule;
use crate::lemma::{ENDING, LemmaParts, capitals, ending_key, find_ending, form_key, tag_key};
use crate::model::learned::LONGEST;

/// Most different rules.
const MOST_RULES: usize = 60_000;

/// A form with its tags and the rule most often right for it.
struct Type<'a> {
    form: &'a str,
    lower: String,
    capitals: u8,
    tags: [u64; 2],
    rule: u16,
}

/// Learns from all words that have a lemma; None where none has.
pub(super) fn train(sentences: &[Sentence]) -> Option<LemmaParts> {
    let mut uses: BTreeMap<(&str, &str, &str), BTreeMap<&str, usize>> = BTreeMap::new();
    for word in sentences.iter().flat_map(|sentence| &sentence.words) {
        // A rule's strings are bounded.
        let short = word.form.len().max(word.lemma.len()) < LONGEST / 4;
        if short && (word.lemma != "_" || word.form == "_") {
            let lemmas = uses
                .entry((&word.form, &word.upos, &word.xpos))
                .or_default();
            *lemmas.entry(&word.lemma).or_default() += 1;
        }
    }
    if uses.is_empty() {
        return None;
    }
    let mut numbers: BTreeMap<Rule, u16> = BTreeMap::new();
    let mut types = Vec::new();
    for ((form, upos, xpos), lemmas) in uses {
        let most = lemmas.into_iter().max_by_key(|(_, times)| *times);
        let rule = Rule::between(form, most.map_or(form, |(lemma, _)| lemma));
        let next = numbers.len();
        if next >= MOST_RULES && !numbers.contains_key(&rule) {
            continue;
        }
        types.push(Type {
            form,
            lower: form.to_lowercase(),
            capitals: capitals(form),
            tags: [tag_key(upos, Some(xpos)), tag_key(upos, None)],
            rule: *numbers.entry(rule).or_insert(next as u16),
        });
    }
    let mut rules = vec![Rule::default(); numbers.len()];
    for (rule, number) in numbers {
        rules[usize::from(number)] = rule;
    }
    let endings = endings(&types, &rules);
    let mut parts = LemmaParts {
        rules,
        ..LemmaParts::default()
    };
    let mut forms: BTreeMap<u32, u16> = BTreeMap::new();
    for one in &types {
        let given = find_ending(&one.lower, |ending| {
            let rule = *endings.get(&ending_key(one.tags[0], one.capitals, ending))?;
            let fits = parts.rules[usize::from(rule)].apply(one.form).is_some();
            fits.then_some(rule)
        });
        if given != Some(one.rule) {
            forms
                .entry(form_key(one.tags[0], one.form))
                .or_insert(one.rule);
        }
    }
    parts.endings = endings.into_iter().collect();
    parts.forms = forms.into_iter().collect();
    Some(parts)
}

/// Endings that more than one form has whose rule is not that of a shorter ending; the empty ending
/// of all capitals and tags.
fn endings(types: &[Type<'_>], rules: &[Rule]) -> BTreeMap<u32, u16> {
    let mut votes: HashMap<(usize, u32), HashMap<u16, usize>> = HashMap::new();
    // Where the nearest shorter ending of an ending is found again.
    let mut shorter: HashMap<u32, Vec<u32>> = HashMap::new();
    for one in types {
        for tags in one.tags {
            let mut keys: Vec<u32> = Vec::new();
            let key = |ending: &str| ending_key(tags, one.capitals, ending);
            let _ = find_ending(&one.lower, |ending| -> Option<()> {
                keys.push(key(ending));
                None
            });
            keys.reverse();
            for (length, key) in keys.iter().enumerate().take(ENDING + 1) {
                let votes = votes.entry((length, *key)).or_default();
                *votes.entry(one.rule).or_default() += 1;
                shorter
                    .entry(*key)
                    .or_insert_with(|| keys[..length].to_vec());
            }
        }
    }
    let mut order: Vec<(usize, u32)> = votes.keys().copied().collect();
    order.sort_unstable();
    let mut kept: BTreeMap<u32, u16> = BTreeMap::new();
    for at in order {
        let votes = &votes[&at];
        let all: usize = votes.values().sum();
        let most = votes
            .iter()
            .max_by_key(|(rule, times)| (**times, std::cmp::Reverse(**rule)));
        let Some((&rule, &times)) = most else {
            continue;
        };
        let before = shorter[&at.1].iter().rev().find_map(|key| kept.get(key));
        // What holds for every form of a kind concerns its capitals alone.
        let fits = at.0 > 0 || rules[usize::from(rule)].keeps_letters();
        let enough = at.0 == 0 || (all > 1 && times * 2 > all);
        if enough && fits && before != Some(&rule) {
            kept.insert(at.1, rule);
        }
    }
    kept
}
