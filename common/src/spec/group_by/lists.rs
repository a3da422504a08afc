//! Lists of names as they are typed: commas between them, and a backslash before one in a name.

use super::GroupBy;

impl GroupBy {
    /// The options with each list cut at its commas, as each was typed whole. It may be done once.
    #[must_use]
    pub fn with_lists(mut self) -> Self {
        for list in [
            &mut self.by,
            &mut self.sum,
            &mut self.min,
            &mut self.max,
            &mut self.avg,
            &mut self.distinct,
            &mut self.first,
            &mut self.last,
            &mut self.fields,
        ] {
            *list = list.iter().flat_map(|typed| cut(typed)).collect();
        }
        // Those are columns' names, not paths: nothing else takes their backslashes off.
        for name in &mut self.fields {
            *name = plain(name);
        }
        self
    }
}

/// The items of a list, with their backslashes.
fn cut(typed: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut escaped = false;
    for character in typed.chars() {
        if character == ',' && !escaped {
            items.push(String::new());
            continue;
        }
        escaped = character == '\\' && !escaped;
        if let Some(item) = items.last_mut() {
            item.push(character);
        }
    }
    items
}

/// A name without its backslashes.
fn plain(name: &str) -> String {
    let mut characters = name.chars();
    let mut plain = String::new();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => characters.next().unwrap_or(character),
            _ => character,
        });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backslash_keeps_a_comma_in_a_name() {
        for (typed, expected) in [
            ("a,b", &["a", "b"][..]),
            ("a", &["a"]),
            (r"a\,b,c", &[r"a\,b", "c"]),
            (r"a\\,b", &[r"a\\", "b"]),
            (r"a\.b,c\", &[r"a\.b", r"c\"]),
            ("a,,b,", &["a", "", "b", ""]),
        ] {
            assert_eq!(cut(typed), expected, "{typed}");
        }
        let typed = |text: &str| vec![text.to_owned()];
        let options = GroupBy {
            fields: typed(r"Amount\, 2024,a\.b,c\\d,e\"),
            by: [typed("x,y"), typed("z")].concat(),
            ..GroupBy::default()
        };
        let options = options.with_lists();
        assert_eq!(options.fields, ["Amount, 2024", "a.b", r"c\d", r"e\"]);
        assert_eq!(options.by, ["x", "y", "z"]);
    }
}
