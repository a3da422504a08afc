//! The word lists of the tokenizer and the sentence splitter: common English abbreviations,
//! contractions and the like, in lower case. Nothing but data and look-ups.

/// Abbreviations that a name or number follows: never the end of a sentence.
const TITLES: &[&str] = &[
    "adm", "apr", "art", "aug", "ave", "brig", "capt", "cmdr", "col", "dec", "dr", "drs", "ed",
    "eq", "ext", "feb", "fig", "figs", "fr", "ft", "gen", "gov", "hon", "jan", "jul", "jun", "lt",
    "maj", "messrs", "mr", "mrs", "ms", "mt", "no", "nos", "nov", "oct", "pp", "pres", "prof",
    "rep", "reps", "rev", "sen", "sens", "sep", "sept", "sgt", "st", "tel", "vol", "vs", "cf",
    "viz", "approx",
];

/// Abbreviations that may also end a sentence.
const OTHERS: &[&str] = &[
    "assn", "bhd", "blvd", "bros", "co", "corp", "dept", "esq", "etc", "inc", "jr", "ltd", "plc",
    "rd", "sr", "univ", "cos", "ariz", "calif", "colo", "conn", "fla", "ill", "mass", "mich",
    "minn", "tenn", "tex", "wash", "wis", "ph.d", "ph",
];

/// Words that begin sentences far more often than names.
const STARTERS: &[&str] = &[
    "a", "after", "all", "also", "although", "an", "and", "as", "at", "but", "by", "for", "he",
    "her", "here", "his", "how", "however", "i", "if", "in", "it", "its", "many", "my", "no",
    "now", "on", "one", "our", "she", "since", "so", "some", "that", "the", "their", "then",
    "there", "these", "they", "this", "those", "to", "we", "what", "when", "where", "while", "who",
    "why", "with", "you", "your", "please", "thanks",
];

/// First halves of hyphenated words that stay whole.
const PREFIXES: &[&str] = &[
    "anti", "bi", "co", "counter", "de", "e", "ex", "extra", "inter", "intra", "mid", "mini",
    "mis", "mono", "multi", "neo", "non", "over", "poly", "post", "pre", "pro", "pseudo", "psycho",
    "re", "semi", "sub", "super", "supra", "trans", "ultra", "un", "under", "uni",
];

const SLASHED: &[&str] = &["b/c", "w/", "w/o", "n/a", "c/o", "l/c", "i/c", "a/c"];

const UNITS: &[&str] = &[
    "am", "pm", "km", "kg", "mg", "cm", "mm", "lb", "lbs", "hr", "hrs", "min", "mins", "yr", "yrs",
    "yo", "mph", "gb", "mb", "ghz", "mhz", "ft", "m", "k", "b", "bn", "t", "x", "hz", "khz", "kb",
    "tb", "p", "ml", "cl", "dl", "oz", "tsp", "tbsp", "kw", "kwh", "kcal", "sq", "days", "minutes",
    "hours", "percent",
];

const EMOTICONS: &[&str] = &[
    ":)", ":-)", ";)", ";-)", ":(", ":-(", ":D", ":-D", ";D", ":P", ":-P", ":p", ":-p", ";P", ";p",
    ":/", ":-/", ":|", ":-|", "=)", "=(", "=D", "=P", ":o", ":O", ":-O", ":-o", ":*", ":-*", ":'(",
    "<3", ":]", ":[", "(:", "(-:", "(;", "^_^", "-_-", "xD", "XD", ":))", ":)))", ":((",
];

/// Words that split without an apostrophe, and after how many bytes.
const JOINED: &[(&str, usize)] = &[
    ("cannot", 3),
    ("gonna", 3),
    ("wanna", 3),
    ("gotta", 3),
    ("dont", 2),
    ("didnt", 3),
    ("doesnt", 4),
    ("isnt", 2),
    ("wasnt", 3),
    ("couldnt", 5),
    ("wouldnt", 5),
    ("shouldnt", 6),
    ("cant", 2),
    ("havent", 4),
    ("hasnt", 3),
    ("arent", 3),
    ("lemme", 3),
    ("gimme", 3),
    ("gotcha", 3),
    ("outta", 3),
    ("im", 1),
    ("ive", 1),
    ("wont", 2),
    ("aint", 2),
    ("arnt", 2),
    ("thats", 4),
    ("whats", 4),
    ("theres", 5),
    ("youre", 3),
    ("'tis", 2),
    ("'twas", 2),
    ("'twere", 2),
    ("'twill", 2),
    ("\u{2019}tis", 4),
    ("\u{2019}twas", 4),
    ("\u{2019}twere", 4),
    ("\u{2019}twill", 4),
];

fn listed(list: &[&str], word: &str) -> bool {
    word.len() <= 12 && list.iter().any(|item| item.eq_ignore_ascii_case(word))
}

/// Whether `word` (without its period) is an abbreviation.
pub(super) fn abbreviation(word: &str) -> bool {
    listed(TITLES, word) || listed(OTHERS, word) || initials(word)
}

/// Whether a period after `word` hardly ever ends a sentence.
pub(super) fn title(word: &str) -> bool {
    listed(TITLES, word) && !word.eq_ignore_ascii_case("no")
}

/// Single letters joined by periods: `J`, `U.S`, `a.m`, `e.g`.
fn initials(word: &str) -> bool {
    let mut letters = word.split('.');
    let single = |part: &str| part.chars().count() == 1 && part.chars().all(char::is_alphabetic);
    word.len() <= 16
        && letters.all(single)
        && (word.contains('.') || word.chars().all(char::is_uppercase))
}

/// Whether a capitalised word is more likely a sentence's start than a name.
pub(super) fn starter(word: &str) -> bool {
    listed(STARTERS, word)
}

/// Whether `word` followed by a hyphen stays joined to what follows.
pub(super) fn prefix(word: &str) -> bool {
    listed(PREFIXES, word)
}

/// Whether a word with a slash stays whole.
pub(super) fn slashed(word: &str) -> bool {
    listed(SLASHED, word)
}

/// Whether `word` is a unit written close to its number.
pub(super) fn unit(word: &str) -> bool {
    listed(UNITS, word)
}

/// Whether `text` is an emoticon.
pub(super) fn emoticon(text: &str) -> bool {
    text.len() <= 4 && EMOTICONS.contains(&text)
}

/// Where a word such as `cannot` splits; `IM` and `IVE` in capitals are names of other things.
pub(super) fn joined(word: &str) -> Option<usize> {
    (word.len() <= 9 && !matches!(word, "IM" | "IVE"))
        .then(|| {
            JOINED
                .iter()
                .find(|(item, _)| item.eq_ignore_ascii_case(word))
                .map(|(_, at)| *at)
        })
        .flatten()
}

/// Whether `c` ends sentences in a script other than Latin: the full stops, question and
/// exclamation marks of Arabic, Armenian, Syriac, Indic, Burmese, Ethiopic, Khmer, Chinese and
/// Japanese.
pub(super) fn foreign_stop(c: char) -> bool {
    matches!(c, '\u{589}' | '\u{61e}' | '\u{61f}' | '\u{6d4}' | '\u{700}'..='\u{702}' | '\u{964}' | '\u{965}'
        | '\u{104a}' | '\u{104b}' | '\u{1362}' | '\u{1367}' | '\u{1368}' | '\u{17d4}' | '\u{17d5}' | '\u{203c}'
        | '\u{203d}' | '\u{2047}'..='\u{2049}' | '\u{3002}' | '\u{ff01}' | '\u{ff0e}' | '\u{ff1f}' | '\u{ff61}')
}

/// Whether `c` is a punctuation mark of a script other than Latin, outside the blocks of general
/// punctuation.
pub(super) fn foreign_mark(c: char) -> bool {
    c >= '\u{37e}'
        && (foreign_stop(c)
            || matches!(c, '\u{37e}' | '\u{387}' | '\u{55b}'..='\u{55f}' | '\u{58a}' | '\u{5be}' | '\u{5c0}' | '\u{5c3}'
                | '\u{5c6}' | '\u{609}' | '\u{60a}' | '\u{60c}' | '\u{60d}' | '\u{61b}' | '\u{61d}' | '\u{66a}' | '\u{66d}'
                | '\u{703}'..='\u{70d}' | '\u{7f7}'..='\u{7f9}' | '\u{e5a}' | '\u{e5b}' | '\u{f0b}'..='\u{f12}'
                | '\u{f3a}'..='\u{f3d}' | '\u{104c}' | '\u{104d}' | '\u{10fb}' | '\u{1360}' | '\u{1361}'
                | '\u{1363}'..='\u{1366}' | '\u{17d6}' | '\u{17d8}'..='\u{17da}' | '\u{1800}'..='\u{1805}'
                | '\u{2e00}'..='\u{2e5d}' | '\u{fd3e}' | '\u{fd3f}' | '\u{fe10}'..='\u{fe19}' | '\u{fe30}'..='\u{fe6b}'
                | '\u{ff1a}' | '\u{ff1b}' | '\u{ff20}' | '\u{ff3b}'..='\u{ff3d}' | '\u{ff5b}' | '\u{ff5d}'
                | '\u{ff5f}'..='\u{ff65}'))
}
