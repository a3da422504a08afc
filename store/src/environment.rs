//! The settings that users of stores have in their environment.

use std::collections::HashMap;
use std::env;

/// Variables by their names; empty ones are none.
#[derive(Clone, Default)]
pub(crate) struct Environment(HashMap<String, String>);

impl Environment {
    /// That of this process.
    pub(crate) fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self::of(env::vars_os().filter_map(text))
    }

    pub(crate) fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(
            (variables.into_iter())
                .filter(|(_, value)| !value.is_empty())
                .collect(),
        )
    }

    /// One variable.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The first of these that is set.
    pub(crate) fn first(&self, names: &[&str]) -> Option<String> {
        names
            .iter()
            .find_map(|name| self.get(name))
            .map(str::to_owned)
    }

    /// The variables whose names begin so, as settings of a library that knows some of them.
    pub(crate) fn settings<K: std::str::FromStr>(&self, prefix: &str) -> Vec<(K, &str)> {
        let mut settings = Vec::new();
        for (name, value) in &self.0 {
            if let (true, Ok(key)) = (name.starts_with(prefix), name.to_ascii_lowercase().parse()) {
                settings.push((key, value.as_str()));
            }
        }
        settings
    }
}
