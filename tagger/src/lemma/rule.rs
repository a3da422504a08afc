//! How a form becomes its lemma: its capitals, then another beginning and another end. Must not
//! know of tags.

use std::borrow::Cow;

/// What happens to capitals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Capitals {
    /// They stay.
    #[default]
    Keep,
    /// All become small.
    Lower,
    /// All but the first become small.
    Title,
}

impl Capitals {
    pub(crate) const ALL: [Self; 3] = [Self::Keep, Self::Lower, Self::Title];

    fn apply(self, form: &str) -> Cow<'_, str> {
        match self {
            Self::Keep => Cow::Borrowed(form),
            Self::Lower => Cow::Owned(form.to_lowercase()),
            Self::Title => {
                let mut chars = form.chars();
                let first: String = chars
                    .next()
                    .into_iter()
                    .flat_map(char::to_uppercase)
                    .collect();
                Cow::Owned(first + &chars.as_str().to_lowercase())
            }
        }
    }
}

/// One rule: capitals, then what is taken off and put on at either end.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rule {
    pub capitals: Capitals,
    /// Taken off the beginning, and what takes its place.
    pub front: (String, String),
    /// Taken off the end, and what takes its place.
    pub back: (String, String),
}

impl Rule {
    /// The rule that makes `lemma` of `form`: of all that do, one that changes least.
    pub(crate) fn between(form: &str, lemma: &str) -> Self {
        let rules = Capitals::ALL.map(|capitals| {
            let base = capitals.apply(form);
            let (from, to, length) = common(&base, lemma);
            let (front, back) = if length == 0 {
                let whole = (base.clone().into_owned(), lemma.to_owned());
                ((String::new(), String::new()), whole)
            } else {
                let after = (from + length, to + length);
                (
                    (base[..from].to_owned(), lemma[..to].to_owned()),
                    (base[after.0..].to_owned(), lemma[after.1..].to_owned()),
                )
            };
            let rule = Self {
                capitals,
                front,
                back,
            };
            (rule, length)
        });
        let most = rules.iter().map(|(_, length)| *length).max();
        let best = rules.into_iter().find(|(_, length)| Some(*length) == most);
        best.map_or_else(Self::default, |(rule, _)| rule)
    }

    /// Whether nothing but capitals changes.
    pub(crate) fn keeps_letters(&self) -> bool {
        let sides = [&self.front.0, &self.front.1, &self.back.0, &self.back.1];
        sides.into_iter().all(String::is_empty)
    }

    /// Whether capitals become small.
    pub(crate) fn lowers(&self) -> bool {
        self.capitals == Capitals::Lower
    }

    /// The lemma; None where the form does not begin and end as the rule wants, or nothing is left.
    pub(crate) fn apply<'a>(&self, form: &'a str) -> Option<Cow<'a, str>> {
        let base = self.capitals.apply(form);
        if self.keeps_letters() {
            return Some(base);
        }
        let middle = base.strip_prefix(self.front.0.as_str())?;
        let middle = middle.strip_suffix(self.back.0.as_str())?;
        let lemma = [&self.front.1, middle, &self.back.1].concat();
        (!lemma.is_empty()).then_some(Cow::Owned(lemma))
    }
}

/// The longest stretch that two texts have in common: where it begins in each, and its bytes. The
/// first of equals; forms longer than 64 characters have none but equal beginnings.
fn common(a: &str, b: &str) -> (usize, usize, usize) {
    let chars = |text: &str| -> Vec<(usize, char)> { text.char_indices().collect() };
    let (left, right) = (chars(a), chars(b));
    if left.len().max(right.len()) > 64 {
        let same = left.iter().zip(&right).take_while(|(x, y)| x == y);
        return (0, 0, same.map(|((_, c), _)| c.len_utf8()).sum());
    }
    let mut best = (0, 0, 0);
    let mut row = vec![0_usize; right.len() + 1];
    for (at_a, (_, x)) in left.iter().enumerate() {
        for at_b in (0..right.len()).rev() {
            let bytes = if *x == right[at_b].1 {
                row[at_b] + x.len_utf8()
            } else {
                0
            };
            row[at_b + 1] = bytes;
            if bytes > best.2 {
                let end = (left[at_a].0 + x.len_utf8(), right[at_b].0 + x.len_utf8());
                best = (end.0 - bytes, end.1 - bytes, bytes);
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_makes_the_lemma_it_was_made_of() {
        for (form, lemma) in [
            ("dogs", "dog"),
            ("went", "go"),
            ("The", "the"),
            ("LONDON", "London"),
            ("gegangen", "gehen"),
            ("Was", "be"),
            ("\u{c9}tait", "\u{ea}tre"),
            ("x", "x"),
            ("\u{130}", "i"),
        ] {
            let rule = Rule::between(form, lemma);
            assert_eq!(rule.apply(form).as_deref(), Some(lemma), "{rule:?}");
        }
        let plural = Rule::between("dogs", "dog");
        assert_eq!(plural, Rule::between("cats", "cat"));
        assert_eq!(plural.apply("ox"), None);
        assert_eq!(plural.apply("s"), None);
    }
}
