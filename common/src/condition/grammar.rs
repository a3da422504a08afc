//! Conditions as they are typed.
//!
//! ```text
//! any  = all ("or" all)*
//! all  = one ("and" one)*
//! one  = "not" one | "(" any ")" | "exists" FIELD | FIELD OP VALUE | FIELD ["not"] "in" (VALUE, …)
//! ```
//!
//! A value is in quotes, or goes on to a blank before `and` or `or`, or to a parenthesis that
//! closes one from outside it. A bare number is compared as a number, a bare `null` is no value,
//! all else is text. What looks like an operator of another language (`==`, `&&`, `AND`) is refused
//! in a value that is not quoted: as text it would be true of no record, without a word.

use regex::bytes::Regex;

use super::{Condition, Order, Test};
use crate::decimal::{self, Decimal};

/// The most conditions inside each other.
const DEPTH: usize = 100;

/// Operators, longer ones first.
const OPERATORS: [&str; 8] = ["!=", "!~", "<=", ">=", "=", "~", "<", ">"];

/// Reads a condition that was typed after `option`; `field` gives a field's number by its name.
///
/// # Errors
/// When it is none, or `field` knows no such field: what is wrong, and the way out.
pub fn parse(
    option: &str,
    typed: &str,
    field: &mut dyn FnMut(&str) -> Result<usize, String>,
) -> Result<Condition, String> {
    let mut grammar = Grammar {
        rest: typed,
        names: field,
        depth: 0,
    };
    let read = grammar
        .any()
        .and_then(|condition| match grammar.blank().is_empty() {
            true => Ok(condition),
            false => Err(format!("`{}` is left over", grammar.rest.trim())),
        });
    read.map_err(|why| {
        format!(
            "{option} '{typed}': {why}; write FIELD OP VALUE, such as 'status >= 500' or 'path ~ ^/api/', \
             joined by and, or, not and parentheses"
        )
    })
}

/// What is left to read.
struct Grammar<'t, 'n> {
    rest: &'t str,
    names: &'n mut dyn FnMut(&str) -> Result<usize, String>,
    depth: usize,
}

/// A value, and whether it was in quotes.
struct Operand {
    text: String,
    quoted: bool,
}

type Read<T> = Result<T, String>;

impl<'t> Grammar<'t, '_> {
    fn any(&mut self) -> Read<Condition> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("too many parentheses".into());
        }
        let mut any = vec![self.all()?];
        while self.word("or") {
            any.push(self.all()?);
        }
        self.depth -= 1;
        Ok(match any.len() {
            1 => any.remove(0),
            _ => Condition::Any(any),
        })
    }

    fn all(&mut self) -> Read<Condition> {
        let mut all = vec![self.one()?];
        while self.word("and") {
            all.push(self.one()?);
        }
        Ok(match all.len() {
            1 => all.remove(0),
            _ => Condition::All(all),
        })
    }

    fn one(&mut self) -> Read<Condition> {
        let mut negated = false;
        while self.prefix("not") {
            negated = !negated;
        }
        let inner = if self.sign("(") {
            let inner = self.any()?;
            match self.sign(")") {
                true => inner,
                false => return Err("a parenthesis is not closed".into()),
            }
        } else if self.prefix("exists") {
            Condition::Test(self.field()?, Test::Exists)
        } else {
            self.comparison()?
        };
        Ok(if negated { not(inner) } else { inner })
    }

    fn comparison(&mut self) -> Read<Condition> {
        let field = self.field()?;
        let negated = self.word("not");
        if self.word("in") {
            let one_of = self.list(field)?;
            return Ok(if negated { not(one_of) } else { one_of });
        }
        let operator = OPERATORS.into_iter().find(|sign| self.sign(sign));
        let (false, Some(operator)) = (negated, operator) else {
            return Err("no operator (= != ~ !~ < <= > >= in) after the field".into());
        };
        let ends = match operator {
            "~" | "!~" => Ends::Pattern,
            _ => Ends::Value,
        };
        let value = self.operand(ends)?;
        let test = Condition::Test(field, test_of(operator, &value)?);
        Ok(if operator.starts_with('!') {
            not(test)
        } else {
            test
        })
    }

    fn list(&mut self, field: usize) -> Read<Condition> {
        if !self.sign("(") {
            return Err("no list after `in`: (A, B)".into());
        }
        let mut any = Vec::new();
        loop {
            let value = self.operand(Ends::Listed)?;
            any.push(Condition::Test(field, test_of("=", &value)?));
            if self.sign(")") {
                break;
            }
            if !self.sign(",") {
                return Err("the list after `in` is not closed".into());
            }
        }
        // Texts are one test: there may be many.
        let texts = any.iter().map(|one| match one {
            Condition::Test(_, Test::Text(texts)) => texts.first().cloned(),
            _ => None,
        });
        Ok(match texts.collect::<Option<Vec<_>>>() {
            Some(texts) => Condition::Test(field, Test::Text(texts)),
            None => Condition::Any(any),
        })
    }

    fn field(&mut self) -> Read<usize> {
        let rest = self.blank();
        let mut end = rest.len();
        let mut escaped = false;
        for (at, character) in rest.char_indices() {
            if escaped {
                escaped = false;
            } else if character == '\\' {
                escaped = true;
            } else if character.is_whitespace() || "=!~<>(),".contains(character) {
                end = at;
                break;
            }
        }
        let (name, rest) = rest.split_at(end);
        if name.is_empty() {
            return Err("a field is missing".into());
        }
        self.rest = rest;
        (self.names)(name)
    }

    fn operand(&mut self, ends: Ends) -> Read<Operand> {
        let rest = self.blank();
        match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => return self.quoted(quote),
            Some(sign) if "=<>!~&|".contains(sign) => return Err(foreign(sign)),
            _ => {}
        }
        let mut end = rest.len();
        let mut open = 0usize;
        let mut escaped = false;
        // Where the characters of a pattern's bracketed class begin.
        let mut class = None;
        for (at, character) in rest.char_indices() {
            if escaped {
                escaped = false;
                continue;
            }
            match character {
                '\\' => escaped = true,
                ']' if class.is_some_and(|begin| begin < at) => class = None,
                _ if class.is_some() => {}
                '[' if ends == Ends::Pattern => {
                    let negated = rest[at + 1..].starts_with('^');
                    // A bracket that comes first in it is one of its characters.
                    class = Some(at + 1 + usize::from(negated));
                }
                '(' => open += 1,
                ')' if open == 0 => end = at,
                ')' => open -= 1,
                ',' if ends == Ends::Listed => end = at,
                blank if blank.is_whitespace() && open == 0 => {
                    if joins(&rest[at..]) {
                        end = at;
                    } else if let Some(word) = foreign_join(&rest[at..]) {
                        return Err(foreign(word));
                    }
                }
                _ => {}
            }
            if end <= at {
                break;
            }
        }
        let (value, rest) = rest.split_at(end);
        let value = value.trim();
        if value.is_empty() {
            return Err("a value is missing; an empty one is ''".into());
        }
        // A pattern says better itself what is wrong with it.
        if open > 0 && ends != Ends::Pattern {
            return Err(format!(
                "a parenthesis is not closed in {value}; quote a value that holds one"
            ));
        }
        self.rest = rest;
        Ok(Operand {
            text: value.to_owned(),
            quoted: false,
        })
    }

    fn quoted(&mut self, quote: char) -> Read<Operand> {
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            if character == quote {
                self.rest = &self.rest[at + 1..];
                return Ok(Operand { text, quoted: true });
            }
            // A backslash before a quote or a backslash; before all else it is itself, as in
            // patterns.
            let next = self.rest[at + 1..].chars().next();
            if character == '\\' && next.is_some_and(|next| next == quote || next == '\\') {
                text.extend(next);
                characters.next();
            } else {
                text.push(character);
            }
        }
        Err(format!("a quote ({quote}) is not closed"))
    }

    /// What is left, blanks passed.
    fn blank(&mut self) -> &'t str {
        self.rest = self.rest.trim_start();
        self.rest
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = self.blank().strip_prefix(sign);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    /// Takes a word of the language, if it comes next.
    fn word(&mut self, word: &str) -> bool {
        let after = self
            .blank()
            .strip_prefix(word)
            .filter(|after| ends_word(after));
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// As [`Self::word`], where a field of that name may come as well.
    fn prefix(&mut self, word: &str) -> bool {
        let after = self.blank().strip_prefix(word).unwrap_or_default();
        let is_field = after.trim_start().starts_with(['=', '!', '~', '<', '>']);
        !is_field && self.word(word)
    }
}

/// What ends a value that is not quoted, beside a joining word and a parenthesis.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    Value,
    /// A comma does, too.
    Listed,
    /// Parentheses in a bracketed class are none.
    Pattern,
}

/// What joins conditions in other languages, if a blank is followed by that.
fn foreign_join(rest: &str) -> Option<&str> {
    let word = rest.split_whitespace().next()?;
    let is_join = |join: &&str| word.eq_ignore_ascii_case(join);
    ["and", "or", "&&", "||"]
        .iter()
        .any(is_join)
        .then_some(word)
}

fn foreign(sign: impl std::fmt::Display) -> String {
    format!(
        "`{sign}` is no operator here: they are = != ~ !~ < <= > >= in, joined by `and` and `or`; a value \
         that holds it is quoted"
    )
}

/// Whether a blank is followed by a word that ends a value.
fn joins(rest: &str) -> bool {
    let word = rest.trim_start();
    ["and", "or"].iter().any(|join| {
        let after = word.strip_prefix(join);
        after.is_some_and(ends_word)
    })
}

/// Whether a word ends where `after` begins.
fn ends_word(after: &str) -> bool {
    after.is_empty() || after.starts_with(|next: char| next.is_whitespace() || next == '(')
}

fn not(inner: Condition) -> Condition {
    Condition::Not(Box::new(inner))
}

fn test_of(operator: &str, value: &Operand) -> Read<Test> {
    let number = match value.quoted {
        true => None,
        false => Decimal::parse(value.text.as_bytes()),
    };
    let text = value.text.clone().into_bytes();
    let order = match operator {
        "<" => Order::Less,
        "<=" => Order::LessOrEqual,
        ">" => Order::Greater,
        ">=" => Order::GreaterOrEqual,
        "~" | "!~" => {
            let regex = Regex::new(&value.text);
            return regex
                .map(Test::Pattern)
                .map_err(|error| format!("not a regular expression: {error}"));
        }
        _ if !value.quoted && value.text == "null" => return Ok(Test::Null),
        _ => return Ok(number.map_or_else(|| Test::Text(vec![text]), Test::Number)),
    };
    match number {
        Some(number) => Ok(Test::NumberOrder(order, number)),
        None if value.quoted => Ok(Test::TextOrder(order, text)),
        None if value.text == "null" => Err("null has no order; write = or !=".into()),
        None if decimal::is_written_as_number(&text) => Err(format!(
            "{} has more than 18 digits before the point or 9 after it; in quotes it is compared as \
             text",
            value.text
        )),
        None => Ok(Test::TextOrder(order, text)),
    }
}

#[cfg(test)]
#[path = "grammar_tests.rs"]
mod tests;
