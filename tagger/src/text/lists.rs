//! The word lists of the tokenizer and the sentence splitter: common English abbreviations, contractions and
//! the like, in lower case. Nothing but data and look-ups.

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
    "yo", "mph", "gb", "mb", "ghz", "mhz", "ft",
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

/// Where a word such as `cannot` splits.
pub(super) fn joined(word: &str) -> Option<usize> {
    (word.len() <= 8)
        .then(|| {
            JOINED
                .iter()
                .find(|(item, _)| item.eq_ignore_ascii_case(word))
                .map(|(_, at)| *at)
        })
        .flatten()
}
