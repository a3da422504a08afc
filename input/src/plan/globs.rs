//! Which files of a folder are taken: `--include` and `--exclude`.

use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::PlanError;

/// The globs of a job.
pub(super) struct Globs {
    include: Option<Patterns>,
    exclude: Patterns,
}

/// A pattern without a slash is for the file's name, one with a slash for its path in the folder.
struct Patterns {
    names: GlobSet,
    paths: GlobSet,
}

impl Globs {
    pub(super) fn new(include: &[String], exclude: &[String]) -> Result<Self, PlanError> {
        Ok(Self {
            include: (!include.is_empty())
                .then(|| Patterns::new(include))
                .transpose()?,
            exclude: Patterns::new(exclude)?,
        })
    }

    /// Whether the file at `path` in its folder is taken.
    pub(super) fn take(&self, path: &Path) -> bool {
        let included = self.include.as_ref().is_none_or(|set| set.matches(path));
        included && !self.exclude.matches(path)
    }
}

impl Patterns {
    fn new(patterns: &[String]) -> Result<Self, PlanError> {
        let mut names = GlobSetBuilder::new();
        let mut paths = GlobSetBuilder::new();
        for pattern in patterns {
            let set = if pattern.contains('/') {
                &mut paths
            } else {
                &mut names
            };
            let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
            let pattern = pattern.strip_prefix('/').unwrap_or(pattern);
            set.add(GlobBuilder::new(pattern).literal_separator(true).build()?);
        }
        Ok(Self {
            names: names.build()?,
            paths: paths.build()?,
        })
    }

    fn matches(&self, path: &Path) -> bool {
        self.paths.is_match(path)
            || path
                .file_name()
                .is_some_and(|name| self.names.is_match(Path::new(name)))
    }
}
